"""One search in progress: what is asked, what came of it, and who is told.

Knows neither Ray nor processes: the runner asks it for jobs and reports what happens to them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search import checkpoints
from search.histories import Epoch, Histories
from search.proposals import Proposals, new_record
from search.records import TrialRecord
from search.rules import Rules
from search.standing import Standing
from search.status import Display, Status
from search.trials import Proposal, SearchTrials
from search.work import Failure, Job, Report

if TYPE_CHECKING:
    from search.tracking import Tracker


class Session:
    """Joins the trials' storage, the tracker and the display. It is `search.work.Work`.

    Args:
        trials: the search in its storage.
        tracker: the search in MLflow, begun.
        display: is shown every change.
        histories: epochs of the trials.
        folder: of the search, for checkpoints.
        rules: what keeps trials from being started, and what stops them.
    """

    def __init__(
        self,
        trials: SearchTrials,
        tracker: Tracker,
        display: Display,
        histories: Histories,
        folder: Path,
        rules: Rules,
    ) -> None:
        self._trials, self._tracker, self._display = trials, tracker, display
        self._histories, self._folder, self._rules = histories, folder, rules
        orphans = trials.orphans()
        self._standing = Standing(trials.records())
        self._proposals = Proposals(trials, orphans, self._standing, rules)
        self._paused = False
        if rules.stopping is not None:
            rules.stopping.restore(self._standing.values())
        checkpoints.sweep(folder, checkpoints.wanted(self._standing.trials))
        self._started = time.monotonic()
        self._ended_here = 0

    @property
    def status(self) -> Status:
        """How the search stands now."""
        return Status(
            name=self._trials.info.name,
            budget=self._trials.info.budget,
            standing=self._standing,
            seconds=time.monotonic() - self._started,
            finished_here=self._ended_here,
            interrupted=self._paused,
        )

    @property
    def over(self) -> bool:
        """Whether nothing more will be proposed: a trial that runs may have to be retried."""
        return self._paused or (self._proposals.exhausted and not self._trials.running())

    def propose(self) -> Job | None:
        """The next trial to start, or None if there is none now."""
        while not self._paused and (proposal := self._proposals.next()):
            record = self._standing.get(proposal.number)
            if record is None or record.stopped_at is None:
                return self._start(proposal)
            self._settle(replace(record, state="pruned"))
        return None

    def _start(self, proposal: Proposal) -> Job:
        """Give a proposal its run and show that it starts."""
        number = proposal.number
        record = self._standing.get(number) or new_record(self._trials.info.study, proposal)
        if self._rules.ask_price and record.predicted_flops is None:
            record = replace(record, predicted_flops=self._rules.price(proposal.config))
        self._trials.note(number, begun={"predicted_flops": record.predicted_flops}, paused=False)
        record = replace(record, state="running")
        self._standing.put(record)
        self._tracker.start_trial(record)
        self._display.update(self.status)
        return Job(number, proposal.config, checkpoints.folder_of(self._folder, number))

    def on_report(self, number: int, report: Report) -> bool:
        """Take note of epochs that a trial made, and of its bill so far.

        Returns:
            Whether the trial goes on.
        """
        record = replace(
            self._standing[number], flops=dict(report.flops), shared_flops=report.shared_flops
        )
        for epoch in report.epochs:
            if record.stopped_at is None:
                record = self._after(record, epoch)
        self._standing.put(record)
        self._tracker.log_epochs(number, self._histories.extend(number, report.epochs))
        self._display.update(self.status)
        return not self._paused and record.stopped_at is None

    def _after(self, record: TrialRecord, epoch: Epoch) -> TrialRecord:
        """A trial's record after an epoch; at a rung, it is seen whether it is stopped."""
        record = replace(
            record,
            accuracy=epoch["val_accuracy"],
            epochs=epoch["epoch"],
            seconds=epoch["seconds"],
        )
        stopping = self._rules.stopping
        if stopping is not None and stopping.at_rung(record):
            record = stopping.judge(record)
            verdict = {"stopped_at": record.stopped_at, "reason": record.reason}
            self._trials.note(record.number, verdict={"rungs": record.rungs} | verdict)
        return record

    def on_end(self, number: int, outcome: Mapping[str, Any] | Failure | None) -> None:
        """Settle a trial, or let it wait to be retried or resumed.

        It is complete only if it brings the result of its whole schedule.

        Args:
            number: of the trial.
            outcome: `swast.TrainResult.to_dict` of the finished training, or why it failed; None
                where it was stopped on the way.
        """
        record = self._standing[number]
        if isinstance(outcome, Failure):
            self._fail(record, outcome)
        elif outcome is not None and math.isfinite(outcome["val_accuracy"]):
            self._settle(_completed(record, outcome))
        elif outcome is not None:
            self._settle(replace(record, state="failed", reason="its accuracy is not finite"))
        elif record.stopped_at is not None:
            self._settle(replace(record, state="pruned"))
        else:
            self._pause(record)
        self._display.update(self.status)

    def _fail(self, record: TrialRecord, failure: Failure) -> None:
        """Let a trial that failed be tried again, or settle it."""
        if failure.lasting or record.retries >= self._rules.retries:
            self._settle(replace(record, state="failed", reason=failure.reason))
            return
        record = replace(record, retries=record.retries + 1, reason=failure.reason)
        self._standing.put(record)
        self._trials.note(record.number, retries=record.retries)
        self._proposals.retry(record)

    def _settle(self, record: TrialRecord) -> None:
        """Tell everybody how a trial ended."""
        record = replace(record, run_id=self._tracker.run_of(record.number))
        left = self._standing.put(record)
        self._ended_here += 1
        self._trials.settle(record)
        self._tracker.end_trial(record)
        self._tracker.publish(self._trials.info, self._standing)
        for each in left:
            checkpoints.remove(self._folder, each.number)

    def _pause(self, record: TrialRecord) -> None:
        """Leave a trial to be gone on with when the search is resumed."""
        record = replace(record, state="paused", run_id=self._tracker.run_of(record.number))
        self._standing.put(record)
        self._trials.pause(record)
        self._tracker.end_trial(record)

    def rest(self) -> None:
        """Send MLflow what waits."""
        self._tracker.turn()

    def pause(self) -> None:
        """Start nothing more, and stop what runs at the end of its epoch."""
        self._paused = True

    def close(self) -> None:
        """Leave what was cut off paused, and close the parent run."""
        for number in self._trials.running():
            if self._standing[number].state != "paused":
                self.on_end(number, None)
        self._tracker.publish(self._trials.info, self._standing, now=True)
        self._tracker.end_search(self.status.end)


def _completed(record: TrialRecord, result: Mapping[str, Any]) -> TrialRecord:
    """The record of a trial that made every epoch."""
    return replace(
        record,
        state="complete",
        accuracy=result["val_accuracy"],
        train_flops=result["train_flops"],
        relative_flops=result["relative_flops"],
        epochs=len(result["history"]),
        seconds=result["seconds"],
        flops=dict(result["flops"]),
        environment=dict(result["environment"]),
        reason=None,
    )
