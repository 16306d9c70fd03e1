"""One search in progress: proposes jobs, records their outcome, updates storage, MLflow, display.

It knows neither Ray nor processes: the engine asks it for jobs and reports on them.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from search.engine.jobs import Failure, Job, Outcome, Report
from search.loop.limits import Limits
from search.loop.order import Order
from search.loop.proposals import Proposals, new_record
from search.loop.status import Display, Status
from search.objectives import Objectives
from search.store.epoch_log import EpochLog
from search.trials import checkpoints, tracebacks
from search.trials.proposal import Proposal
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord
from swast.result import EpochRecord, TrainResult

if TYPE_CHECKING:
    from search.tracking import Tracker


class Session:
    """Session of a search. It implements `search.engine.jobs.Work`.

    Args:
        trials: the search in its storage.
        tracker: the search in MLflow, begun.
        display: shows every change.
        epoch_log: epochs of the trials.
        folder: of the search, for checkpoints.
        limits: the most that trials may cost, early stopping, retries.
    """

    def __init__(
        self,
        trials: SearchTrials,
        tracker: Tracker,
        display: Display,
        epoch_log: EpochLog,
        folder: Path,
        limits: Limits,
    ) -> None:
        self._trials, self._tracker, self._display = trials, tracker, display
        self._epoch_log, self._folder, self._limits = epoch_log, folder, limits
        self._state = SearchState(trials.records(), trials.info.objectives, trials.estimator)
        self._state.estimate()
        self._order = Order(self._state, trials.info.lag)
        self._proposals = Proposals(trials, self._state, limits, self._order)
        self._paused = self._told_trouble = False
        if limits.stopping is not None:
            limits.stopping.restore(self._state.values())
        checkpoints.prepare(folder, checkpoints.wanted(self._state.trials, trials.info))
        self._started = time.monotonic()
        self._ended_here = 0

    @property
    def status(self) -> Status:
        """The status of the search."""
        return Status(
            name=self._trials.info.name,
            budget=self._trials.info.budget,
            state=self._state,
            seconds=time.monotonic() - self._started,
            finished_here=self._ended_here,
            interrupted=self._paused,
        )

    @property
    def over(self) -> bool:
        """Return whether nothing more will be proposed; a running trial may need a retry."""
        return self._paused or (self._proposals.exhausted and not self._trials.running())

    def propose(self) -> Job | None:
        """Return the next trial to start, or None if there is none now."""
        while not self._paused and (proposal := self._proposals.next()):
            self._tell_trouble()
            record = self._state.get(proposal.number)
            if record is None or record.stopped_at is None:
                return self._start(proposal)
            self._settle(replace(record, state="pruned"))
        return None

    def _tell_trouble(self) -> None:
        """Print once that the sampler fails."""
        trouble = self._trials.sampler_trouble
        if trouble is not None and not self._told_trouble:
            self._told_trouble = True
            self._display.say(trouble)

    def _start(self, proposal: Proposal) -> Job:
        """Start a proposal: store that it starts, open its run, and show it."""
        number = proposal.number
        record = self._state.get(number) or new_record(self._trials.info, proposal)
        if record.predicted_cost is None:
            price = self._limits.price_if_needed(proposal.config)
            record = replace(record, predicted_cost=price)
        self._trials.start(record)
        record = replace(record, state="running")
        self._state.put(record)
        self._tracker.start_trial(record)
        self._display.update(self.status)
        return Job(number, proposal.config, checkpoints.folder_of(self._folder, number))

    def on_report(self, number: int, report: Report) -> bool:
        """Record new epochs of a trial and its bill so far.

        Returns:
            Whether the trial continues.
        """
        record = replace(self._state[number], bill=dict(report.bill), shared=report.shared)
        for epoch in report.epochs:
            if record.stopped_at is None:
                record = self._after(record, epoch)
        self._state.put(record)
        self._tracker.log_epochs(number, self._epoch_log.extend(number, report.epochs))
        self._display.update(self.status)
        return not self._paused and record.stopped_at is None

    def _after(self, record: TrialRecord, epoch: EpochRecord) -> TrialRecord:
        """Return a trial's record after an epoch; at a rung, decide whether it is stopped."""
        score = self._trials.info.objectives.score.measure(epoch)
        record = replace(record, score=score, epochs=epoch.epoch, seconds=epoch.seconds)
        stopping = self._limits.stopping
        if stopping is not None and stopping.at_rung(record):
            record = stopping.judge(record, self._order.sees(record.number))
            verdict = {"stopped_at": record.stopped_at, "reason": record.reason}
            self._trials.note(record.number, verdict={"rungs": record.rungs} | verdict)
        return record

    def on_end(self, number: int, outcome: Outcome) -> None:
        """Settle a trial, or keep it to be retried or resumed.

        It is complete only with the result of its whole schedule.

        Args:
            number: of the trial.
            outcome: of the job.
        """
        record = self._state[number]
        if isinstance(outcome, Failure):
            self._fail(record, outcome)
        elif outcome is not None:
            self._settle(completed(record, outcome, self._trials.info.objectives))
        elif record.stopped_at is not None:
            self._settle(replace(record, state="pruned"))
        else:
            self._pause(record)
        self._display.update(self.status)

    def _fail(self, record: TrialRecord, failure: Failure) -> None:
        """Retry a failed trial, or settle it."""
        tracebacks.keep(self._folder, record.number, failure.trace)
        if failure.kind.is_lasting or record.retries >= self._limits.retries:
            self._settle(replace(record, state="failed", reason=failure.reason))
            return
        record = replace(record, retries=record.retries + 1, reason=failure.reason)
        self._state.put(record)
        self._trials.note(record.number, retries=record.retries)
        self._proposals.retry(record)

    def _settle(self, record: TrialRecord) -> None:
        """Record the end of a trial in storage, MLflow and the front."""
        record = replace(record, run_id=self._tracker.run_of(record.number))
        off_front = self._state.put(record)
        self._ended_here += 1
        self._trials.settle(record)
        self._tracker.end_trial(record)
        self._tracker.publish(self._trials.info, self._state)
        for each in off_front:
            checkpoints.remove(self._folder, each.number)

    def _pause(self, record: TrialRecord) -> None:
        """Keep a trial that a resumed search continues."""
        record = replace(record, state="paused", run_id=self._tracker.run_of(record.number))
        self._state.put(record)
        self._trials.pause(record)
        self._tracker.end_trial(record)

    def rest(self) -> None:
        """Send queued calls to MLflow."""
        self._tracker.turn()

    def pause(self) -> None:
        """Start no more trials, and stop running ones at the end of their epoch."""
        self._paused = True

    def close(self) -> None:
        """Mark running trials as paused, and close the parent run."""
        for number in self._trials.running():
            record = self._state.get(number)  # none of a trial that was asked for and never begun
            if record is not None and record.state != "paused":
                self.on_end(number, None)
        self._state.estimate()
        self._tracker.publish(self._trials.info, self._state, now=True)
        self._tracker.end_search(self.status.end)


def completed(record: TrialRecord, result: TrainResult, objectives: Objectives) -> TrialRecord:
    """Return the record of a trial that made every epoch; failed if a value is not finite."""
    score, cost = objectives.score.measure(result), objectives.cost.measure(result)
    for objective, value in ((objectives.score, score), (objectives.cost, cost)):
        if not math.isfinite(value):
            return replace(record, state="failed", reason=f"its {objective.name} is not finite")
    return replace(
        record,
        state="complete",
        score=score,
        cost=cost,
        epochs=len(result.history),
        seconds=result.seconds,
        bill=dict(result.flops),
        environment=dict(result.environment),
        reason=None,
    )
