"""Trainings of a study of the paper, as work for Ray's workers."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search.engine.jobs import Failure, FailureKind, Job, Report
from search.engine.jobs import Outcome as JobOutcome
from studies.outcomes import Cell, Outcome
from studies.results import Results, guessing
from swast.data import ArrayData
from swast.forecast import dense_flops
from swast.printing import err
from swast.result import EpochRecord

if TYPE_CHECKING:
    from search.reproduce.tracking import StudyRuns

RETRIES = 1
"""Number of retries of a training whose process died."""
PRINT_SECONDS = 30.0
"""Time between two lines about the progress."""


class Progress:
    """Progress of a study, printed to the error stream now and then.

    Args:
        quiet: print nothing.
        clock: returns seconds.
    """

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet, self._clock = quiet, clock
        self._first = self._printed = clock()

    def begin(self, total: int, known: int) -> None:
        """Print the number of trainings.

        Args:
            total: trainings to do.
            known: trainings done before.
        """
        self._total, self._done = total, 0
        self.say(f"trainings: {total + known}, of which known: {known}")

    def step(self) -> None:
        """Count a training that is done."""
        self._done += 1
        now = self._clock()
        if self._done == 1:  # the time before it includes the start of the workers
            self._first = now
        elif now - self._printed >= PRINT_SECONDS or self._done == self._total:
            self._printed = now
            pace = (now - self._first) / (self._done - 1)
            left = pace * (self._total - self._done) / 60
            self.say(f"{self._done}/{self._total}; about {left:.0f} minutes left")

    def say(self, text: str) -> None:
        """Print a line."""
        if not self._quiet:
            err(f"{time.strftime('%H:%M:%S')} {text}")


class CellWork:
    """Trainings on one data set whose outcome is not known.

    It implements `search.engine.jobs.Work`.

    Args:
        cells: trainings to do.
        data: their data set.
        results: file of outcomes; each is written when its training ends.
        runs: the study in MLflow.
        folder: of the checkpoints.
        progress: counts the trainings that are done.

    Attributes:
        failed: reasons of failures, by the training.
        paused: whether the user has interrupted it.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        data: ArrayData,
        *,
        results: Results,
        runs: StudyRuns,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._waiting = deque(cells)
        self._data, self._results, self._runs = data, results, runs
        self._folder, self._progress = folder, progress
        self._running: dict[int, Cell] = {}
        self._seen: dict[int, dict[int, EpochRecord]] = {}
        self._bills: dict[int, Mapping[str, int]] = {}
        self._failures: dict[Cell, int] = {}
        self._count = 0
        self.failed: dict[Cell, str] = {}
        self.paused = False
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def over(self) -> bool:
        """Return whether no more trainings will be proposed."""
        return self.paused or not (self._waiting or self._running)

    def propose(self) -> Job | None:
        """Return the next training; None if there is none now."""
        if self.paused or not self._waiting:
            return None
        cell, number = self._waiting.popleft(), self._count
        self._running[number], self._count = cell, self._count + 1
        self._seen[number] = {}
        self._runs.start(cell)
        return Job(number, cell.config, self._checkpoint(cell), test=True)

    def on_report(self, number: int, report: Report) -> bool:
        """Log new epochs; return whether the training continues, as it does unless paused."""
        self._seen[number] |= {each.epoch: each for each in report.epochs}
        self._bills[number] = report.bill
        self._runs.log_epochs(self._running[number], report.epochs)
        return not self.paused

    def on_end(self, number: int, outcome: JobOutcome) -> None:
        """Store the outcome of a training; a stopped one can be resumed from its checkpoint."""
        cell, seen = self._running.pop(number), self._seen.pop(number)
        bill = dict(self._bills.pop(number, {}))
        if isinstance(outcome, Failure) and outcome.kind is FailureKind.DIVERGED:
            history = [seen[epoch] for epoch in sorted(seen)]
            self._store(cell, guessing(cell.config, self._data, bill, history))
        elif isinstance(outcome, Failure):
            self._fail(cell, outcome)
        elif outcome is not None:
            self._store(cell, Outcome.of(outcome.to_dict(), dense_flops(cell.config, self._data)))

    def _store(self, cell: Cell, outcome: Outcome) -> None:
        self._results.add(cell, outcome)
        self._runs.end(cell, outcome)
        shutil.rmtree(self._checkpoint(cell), ignore_errors=True)
        self._progress.step()

    def _fail(self, cell: Cell, failure: Failure) -> None:
        """Retry a failed training, or record its failure."""
        self._failures[cell] = self._failures.get(cell, 0) + 1
        if not failure.kind.is_lasting and self._failures[cell] <= RETRIES:
            self._waiting.append(cell)
            return
        self.failed[cell] = failure.reason
        self._runs.fail(cell, failure.reason)
        self._progress.step()

    def _checkpoint(self, cell: Cell) -> Path:
        return self._folder / cell.key

    def rest(self) -> None:
        """Send queued calls to MLflow."""
        self._runs.turn()

    def pause(self) -> None:
        """Start no more trainings, and stop running ones at the end of their epoch."""
        self.paused = True
