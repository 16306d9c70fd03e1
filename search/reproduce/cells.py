"""The trainings of a study of the paper, as work for Ray's workers."""

from __future__ import annotations

import shutil
import sys
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
from swast.result import EpochRecord

if TYPE_CHECKING:
    from search.reproduce.tracking import StudyRuns

RETRIES = 1
"""Times that a training is tried again after its process died."""
TOLD_SECONDS = 30.0
"""Between two words about how far the study is."""


class Progress:
    """Says on the error stream how far a study is, now and then.

    Args:
        quiet: say nothing.
        clock: seconds.
    """

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet, self._clock = quiet, clock
        self._first = self._told = clock()

    def begin(self, total: int, known: int) -> None:
        """Say what there is to do."""
        self._total, self._done = total, 0
        self.say(f"trainings: {total + known}, of which known: {known}")

    def step(self) -> None:
        """Take note of one more that is done."""
        self._done += 1
        now = self._clock()
        if self._done == 1:  # before it, workers had to start
            self._first = now
        elif now - self._told >= TOLD_SECONDS or self._done == self._total:
            self._told = now
            pace = (now - self._first) / (self._done - 1)
            left = pace * (self._total - self._done) / 60
            self.say(f"{self._done}/{self._total}; about {left:.0f} minutes left")

    def say(self, text: str) -> None:
        """Print a line."""
        if not self._quiet:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
            sys.stderr.flush()


class CellWork:
    """Trainings on one data set that are not known yet. It is `search.engine.jobs.Work`.

    Args:
        cells: what to train.
        data: that all of them train on.
        results: where outcomes are written down, each as it comes.
        runs: the study in MLflow.
        folder: for checkpoints of what runs.
        progress: is told of every training.

    Attributes:
        failed: why trainings gave nothing, by the training.
        paused: the user has interrupted it.
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
        self._tried: dict[Cell, int] = {}
        self._count = 0
        self.failed: dict[Cell, str] = {}
        self.paused = False
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def over(self) -> bool:
        """Whether nothing more will be proposed."""
        return self.paused or not (self._waiting or self._running)

    def propose(self) -> Job | None:
        """The next training, or None if there is none now."""
        if self.paused or not self._waiting:
            return None
        cell, number = self._waiting.popleft(), self._count
        self._running[number], self._count = cell, self._count + 1
        self._seen[number] = {}
        self._runs.start(cell)
        return Job(number, cell.config, self._checkpoint(cell), test=True)

    def on_report(self, number: int, report: Report) -> bool:
        """Pass on epochs; goes on, unless paused."""
        self._seen[number] |= {each.epoch: each for each in report.epochs}
        self._bills[number] = report.bill
        self._runs.log_epochs(self._running[number], report.epochs)
        return not self.paused

    def on_end(self, number: int, outcome: JobOutcome) -> None:
        """Write an outcome down; what was stopped on the way goes on from its checkpoint."""
        cell, seen = self._running.pop(number), self._seen.pop(number)
        bill = dict(self._bills.pop(number, {}))
        if isinstance(outcome, Failure) and outcome.kind is FailureKind.DIVERGED:
            history = [seen[epoch] for epoch in sorted(seen)]
            self._keep(cell, guessing(cell.config, self._data, bill, history))
        elif isinstance(outcome, Failure):
            self._fail(cell, outcome)
        elif outcome is not None:
            self._keep(cell, Outcome.of(outcome.to_dict(), dense_flops(cell.config, self._data)))

    def _keep(self, cell: Cell, outcome: Outcome) -> None:
        self._results.add(cell, outcome)
        self._runs.end(cell, outcome)
        shutil.rmtree(self._checkpoint(cell), ignore_errors=True)
        self._progress.step()

    def _fail(self, cell: Cell, failure: Failure) -> None:
        """Let a training be tried again, or give it up."""
        self._tried[cell] = self._tried.get(cell, 0) + 1
        if not failure.kind.is_lasting and self._tried[cell] <= RETRIES:
            self._waiting.append(cell)
            return
        self.failed[cell] = failure.reason
        self._runs.fail(cell, failure.reason)
        self._progress.step()

    def _checkpoint(self, cell: Cell) -> Path:
        return self._folder / cell.key

    def rest(self) -> None:
        """Send MLflow what waits."""
        self._runs.turn()

    def pause(self) -> None:
        """Start nothing more, and stop what runs at the end of its epoch."""
        self.paused = True
