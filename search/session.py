"""One search in progress: what is asked, what came of it, and who is told.

Knows neither Ray nor processes: the runner asks it for trials and reports what happens to them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from search.records import State, TrialRecord
from search.rules import Limit, Stopping
from search.trials import Proposal, SearchTrials

if TYPE_CHECKING:
    from search.tracking import Tracker

LOGGED = (
    "train_loss",
    "val_loss",
    "val_accuracy",
    "train_flops",
    "sparsity",
    "samples",
    "learning_rate",
)


@dataclass(frozen=True)
class Status:
    """How a search stands.

    Attributes:
        name: of the search.
        budget: trials asked for.
        trials: every trial started.
        seconds: since this session started.
        finished_here: trials that ended in this session.
    """

    name: str
    budget: int
    trials: tuple[TrialRecord, ...]
    seconds: float
    finished_here: int

    def count(self, *states: str) -> int:
        """Number of trials in some states."""
        return sum(trial.state in states for trial in self.trials)

    @property
    def ended(self) -> int:
        """Number of trials that ended, without those that were never started."""
        started = [trial for trial in self.trials if not trial.rejected]
        return sum(trial.state in ("complete", "pruned", "failed") for trial in started)

    @property
    def remaining_seconds(self) -> float | None:
        """An estimate from the trials that ended here, or None before the first."""
        if not self.finished_here:
            return None
        left = self.budget - self.ended
        return self.seconds / self.finished_here * left


class Display(Protocol):
    """Where the user sees how the search stands."""

    def update(self, status: Status) -> None:
        """Show a status."""


MOST_REJECTED = 200
"""Proposals in a row that may be too dear before a search gives up asking."""
MOST_REPEATS = 5
"""Proposals for one trial that may repeat a finished one before it is drawn at random, and again
as many of those before a repetition is trained."""


class Session:
    """Joins the trials' storage, the tracker and the display.

    Args:
        trials: the search in its storage, its experiment and parent run made.
        tracker: the search in MLflow.
        display: is shown every change.
        folder: for files of the search.
        limit: keeps dearer configurations from being started; None starts all.
        stopping: stops trials that are behind at a rung; None stops none.
    """

    def __init__(
        self,
        trials: SearchTrials,
        tracker: Tracker,
        display: Display,
        folder: Path,
        limit: Limit | None = None,
        stopping: Stopping | None = None,
    ) -> None:
        self._trials, self._tracker, self._display = trials, tracker, display
        self._folder, self._limit, self._stopping = folder, limit, stopping
        self._orphans = trials.orphans()
        self._records = {record.number: record for record in trials.records()}
        if stopping is not None:
            stopping.restore(self._records.values())
        self._started = time.monotonic()
        self._finished_here = 0

    @property
    def status(self) -> Status:
        """How the search stands now."""
        return Status(
            name=self._trials.info.name,
            budget=self._trials.info.budget,
            trials=tuple(self._records.values()),
            seconds=time.monotonic() - self._started,
            finished_here=self._finished_here,
        )

    @property
    def remaining(self) -> int:
        """Trials that the budget still allows to start, those left running included."""
        started = sum(not record.rejected for record in self._records.values())
        return self._trials.info.budget - started + len(self._orphans)

    def propose(self) -> Proposal | None:
        """The next trial to start, or None when the budget is used up.

        Trials that a dead driver left running come first. Of what the sampler proposes, what is
        too dear is told so and asked again; so is what has been trained before (see
        `MOST_REPEATS`).
        """
        if self._orphans:
            return self._start(self._orphans.pop(0))
        repeats = 0
        for _ in range(MOST_REJECTED):
            if self.remaining <= 0:
                return None
            proposal = self._trials.ask(at_random=repeats >= MOST_REPEATS)
            if repeats < 2 * MOST_REPEATS and self._repeats(proposal):
                repeats += 1
            elif not self._too_dear(proposal):
                return self._start(proposal)
        return None

    def _repeats(self, proposal: Proposal) -> bool:
        """Whether a proposal was trained before, to its end or to a rung; if so it is settled.

        It is told FAIL, which no sampler learns from: PRUNED would make a good place look bad.
        """
        config = proposal.config.to_dict()
        for record in self._records.values():
            tried = record.state == "complete" or record.stopped_at is not None
            if tried and record.config == config and proposal.reference is None:
                self._reject(proposal, "failed", f"the same configuration as {record.label}")
                return True
        return False

    def _too_dear(self, proposal: Proposal) -> bool:
        """Whether a proposal costs more than allowed; if so it is settled."""
        if self._limit is None:
            return False
        price = self._limit.price(proposal.config)
        self._trials.constrain(proposal.number, price - self._limit.max_flops)
        if price <= self._limit.max_flops:
            return False
        most = self._limit.max_flops
        reason = f"costs {price:.3g} FLOPs, more than the {most:.3g} allowed"
        self._reject(proposal, "pruned", reason)
        return True

    def _reject(self, proposal: Proposal, state: State, reason: str) -> None:
        """Settle a proposal that is not started."""
        record = replace(self._new_record(proposal), state=state, rejected=True, reason=reason)
        self._records[proposal.number] = record
        self._trials.settle(record)

    def _start(self, proposal: Proposal) -> Proposal:
        """Give a proposal its run and show that it starts."""
        run_id, before = proposal.run_id, self._records.get(proposal.number)
        record = replace(self._new_record(proposal), rungs=before.rungs if before else {})
        if self._stopping is not None:
            record = replace(record, predicted_flops=self._stopping.price(proposal.config))
            self._trials.note(proposal.number, predicted_flops=record.predicted_flops)
        if run_id is None:
            run_id = self._tracker.start_trial(self._trials.info, proposal)
            self._trials.note(proposal.number, run_id=run_id)
        self._records[proposal.number] = replace(record, run_id=run_id)
        self._display.update(self.status)
        return proposal

    def _new_record(self, proposal: Proposal) -> TrialRecord:
        return TrialRecord(
            number=proposal.number,
            state="running",
            params=self._trials.info.study.searched(proposal.config),
            config=proposal.config.to_dict(),
            reference=proposal.reference,
        )

    def on_epoch(self, number: int, epoch: Mapping[str, Any], flops: Mapping[str, int]) -> bool:
        """Take note of an epoch that a trial made: its record, and the trial's bill so far.

        Returns:
            Whether the trial goes on.
        """
        record = replace(
            self._records[number],
            accuracy=epoch["val_accuracy"],
            epochs=epoch["epoch"],
            seconds=epoch["seconds"],
            flops=dict(flops),
        )
        if self._stopping is not None and self._stopping.at_rung(record):
            record = replace(record, rungs=record.rungs | {record.epochs: epoch["val_accuracy"]})
            self._trials.note(number, rungs=record.rungs)
            record = self._stopping.judge(record)
        self._records[number] = record
        if record.run_id:
            values = {name: epoch[name] for name in LOGGED}
            self._tracker.log_epoch(record.run_id, record.epochs, values)
        self._display.update(self.status)
        return record.stopped_at is None

    def on_end(self, number: int, result: Mapping[str, Any] | None, reason: str | None) -> None:
        """Settle a trial.

        It is complete only if it brings the result of its whole schedule. With a reason but no
        result it failed; with neither it was stopped on the way.

        Args:
            number: of the trial.
            result: `swast.TrainResult.to_dict` of the finished training.
            reason: why it failed.
        """
        record = self._records[number]
        if result is None or not math.isfinite(result["val_accuracy"]):
            why = reason or record.reason or "stopped before its last epoch"
            record = replace(record, state="failed" if reason else "pruned", reason=why)
        else:
            record = replace(
                record,
                state="complete",
                accuracy=result["val_accuracy"],
                train_flops=result["train_flops"],
                relative_flops=result["relative_flops"],
                epochs=len(result["history"]),
                seconds=result["seconds"],
                flops=dict(result["flops"]),
            )
        self._records[number] = record
        self._finished_here += 1
        self._trials.settle(record)
        self._tracker.end_trial(record)
        if record.state == "complete":
            records = tuple(self._records.values())
            self._tracker.publish_front(self._trials.info, records, self._folder)
        self._display.update(self.status)

    def close(self) -> None:
        """Settle trials that were cut off, and close the parent run."""
        for number in self._trials.running():
            self.on_end(number, None, None)
        run_id = self._trials.info.run_id
        if run_id:
            complete = self.status.count("complete")
            self._tracker.end_search(run_id, failed=complete == 0)
