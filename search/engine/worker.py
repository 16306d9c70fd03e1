"""Worker that trains jobs in one process, one epoch per step."""

from __future__ import annotations

import gc
import math
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from search.engine import machine
from search.engine.failures import failure_of
from search.engine.jobs import Failure, Job, Outcome, Report, Work
from swast import checkpoint
from swast.data import ArrayData
from swast.errors import CheckpointError
from swast.result import EpochRecord
from swast.run import Run
from swast.training import epochs, restore, result
from swast.warmups import Warmups

CHECKPOINT_SHARE = 20
"""A checkpoint is written after this many times its own duration: it takes 5 % of the time."""


class Worker:
    """Trainer of one job after another; no state of a job remains for the next.

    Args:
        data: the data set of all jobs.
        memory: GiB that the process may allocate beyond its present size; infinite for no limit.
        warmups: folder of the warm-ups that jobs share. If it does not exist, as on a machine
            without access to the home, each job trains its own.
    """

    def __init__(
        self, data: ArrayData, memory: float = math.inf, warmups: Path | None = None
    ) -> None:
        self._data = data
        self._warmups = Warmups(warmups, data) if warmups and warmups.is_dir() else None
        if memory < math.inf:
            limit_memory(memory)

    def start(self, job: Job) -> None:
        """Take a job; the next step begins it."""
        self._job = job
        self._run: Run | None = None
        self._reported = 0
        self._due = 0.0

    def step(self) -> Report | Failure:
        """Train an epoch of the job; the report of the last one has the result."""
        try:
            return self._step()
        except Exception as error:  # noqa: BLE001 - a user's network may raise anything
            return self._fail(error)

    def _step(self) -> Report:
        if self._run is None:
            self._run, self._epochs = self._begin()
        run, job = self._run, self._job
        if run.epoch < job.config.epochs:
            next(self._epochs, None)
        last = run.epoch == job.config.epochs
        if last or time.monotonic() >= self._due:
            self._save(run)
        new = run.history[self._reported :]
        self._reported = len(run.history)
        found = replace(result(run, test=job.test), state={}) if last else None
        return Report(new, run.ledger.to_dict(), run.shared_flops, found)

    def leave(self) -> None:
        """Save a checkpoint if the job may be resumed."""
        run = self._run
        if run is not None and run.epoch < run.config.epochs and self._job.folder.is_dir():
            self._save(run)

    def _begin(self) -> tuple[Run, Iterator[EpochRecord]]:
        """Return the job's run, from its checkpoint if that is valid."""
        run = Run(self._job.config, self._data)
        try:
            restore(run, self._job.folder)
        except CheckpointError:
            run = Run(self._job.config, self._data)
        return run, epochs(run, self._warmups)

    def _save(self, run: Run) -> None:
        """Write a checkpoint; continue without one on a full disk.

        A worker on a machine without access to the search's folder writes none.
        """
        started = time.monotonic()
        if self._job.folder.parent.is_dir():
            with suppress(OSError):
                checkpoint.save(self._job.folder, run.state_dict())
        ended = time.monotonic()
        self._due = ended + CHECKPOINT_SHARE * (ended - started)

    def _fail(self, error: Exception) -> Failure:
        """Return the failure of an error, and free the memory of the job."""
        self._run = self._epochs = None  # type: ignore[assignment]
        failure = failure_of(error)
        error.__traceback__ = None  # its frames hold the network
        release_memory()
        return failure


def work_here(work: Work, worker: Worker) -> None:
    """Do all jobs in this process, one after another: best for jobs shorter than a start."""
    while (job := work.propose()) is not None:
        worker.start(job)
        outcome: Outcome = None
        continues = True
        while continues and outcome is None:
            report = worker.step()
            if isinstance(report, Failure):
                outcome = report
            else:
                continues, outcome = work.on_report(job.number, report), report.result
        work.on_end(job.number, outcome)
        work.rest()


def release_memory() -> None:
    """Return memory that no tensor uses any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def limit_memory(gib: float) -> None:
    """Limit the memory that this process may allocate beyond its present size.

    An allocation beyond the limit fails in this process, before the machine runs out. Memory of
    GPUs is not counted.
    """
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = machine.held("VmData") + round(gib * machine.GIB)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, most))
