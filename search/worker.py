"""One worker: trains one job after another, an epoch a step, in one process."""

from __future__ import annotations

import dataclasses
import gc
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from search.work import Failure, Job, Report, Work
from swast import checkpoint
from swast.data import ArrayData
from swast.errors import CheckpointError, SwastError
from swast.result import EpochRecord
from swast.run import Run
from swast.training import epochs, restore, result
from swast.warmups import Warmups

CHECKPOINT_SHARE = 20
"""A checkpoint is written when the last one is this many times its cost ago: 5 % of the time."""
GIB = 2**30


class Worker:
    """Trains jobs; nothing of one is left for the next.

    Args:
        data: the data set of all jobs.
        memory: GiB that the process may take beyond what it holds now; None for no limit.
        warmups: the folder of the warm-ups that jobs share. Where there is none, as on a machine
            that does not share the home, each job trains its own.
    """

    def __init__(
        self, data: ArrayData, memory: float | None = None, warmups: Path | None = None
    ) -> None:
        self._data = data
        self._warmups = Warmups(warmups, data) if warmups and warmups.is_dir() else None
        if memory is not None:
            limit_memory(memory)

    def start(self, job: Job) -> None:
        """Turn to a job; it begins with the next step."""
        self._job = job
        self._run: Run | None = None
        self._told = 0
        self._due = 0.0

    def step(self) -> Report | Failure:
        """Train an epoch of the job; the last one brings the result."""
        try:
            return self._step()
        except SwastError as error:
            return self._fail(error, lasting=True)
        except Exception as error:  # noqa: BLE001 - a user's network may raise anything
            return self._fail(error, lasting=False)

    def _step(self) -> Report:
        if self._run is None:
            self._run, self._epochs = self._begin()
        run, job = self._run, self._job
        if run.epoch < job.config.epochs:
            next(self._epochs, None)
        last = run.epoch == job.config.epochs
        if last or time.monotonic() >= self._due:
            self._save(run)
        new = run.history[self._told :]
        self._told = len(run.history)
        return Report(
            [dataclasses.asdict(epoch) for epoch in new],
            run.ledger.to_dict(),
            run.shared_flops,
            result(run, test=job.test).to_dict() if last else None,
        )

    def leave(self) -> None:
        """Keep how far the job has come, if it is to be gone on with: its checkpoint is there."""
        run = self._run
        if run is not None and run.epoch < run.config.epochs and self._job.folder.is_dir():
            self._save(run)

    def _begin(self) -> tuple[Run, Iterator[EpochRecord]]:
        """The job's run, from its checkpoint if there is a sound one."""
        run = Run(self._job.config, self._data)
        try:
            restore(run, self._job.folder)
        except CheckpointError:
            run = Run(self._job.config, self._data)
        return run, epochs(run, self._warmups)

    def _save(self, run: Run) -> None:
        """Write a checkpoint; on a full disk the training goes on without.

        A worker on a machine that does not share the search's folder writes none.
        """
        started = time.monotonic()
        if self._job.folder.parent.is_dir():
            with suppress(OSError):
                checkpoint.save(self._job.folder, run.state_dict())
        ended = time.monotonic()
        self._due = ended + CHECKPOINT_SHARE * (ended - started)

    def _fail(self, error: Exception, *, lasting: bool) -> Failure:
        """The failure that an error is, with all that the job held let go."""
        text = next(iter(str(error).splitlines()), "")
        name = "out of memory" if is_out_of_memory(error) else type(error).__name__
        self._run = self._epochs = None  # type: ignore[assignment]
        release_memory()
        return Failure(f"{name}: {text}" if text else name, lasting)


def work_here(work: Work, worker: Worker) -> None:
    """Do all jobs in this process, one after another: for those that take less than a start."""
    while (job := work.propose()) is not None:
        worker.start(job)
        outcome: Mapping[str, Any] | Failure | None = None
        goes_on = True
        while goes_on and outcome is None:
            report = worker.step()
            if isinstance(report, Failure):
                outcome = report
            else:
                goes_on, outcome = work.on_report(job.number, report), report.result
        work.on_end(job.number, outcome)
        work.rest()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is exhausted, on the CPU or a GPU."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def release_memory() -> None:
    """Give back what no tensor holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def limit_memory(gib: float) -> None:
    """Let this process take so much memory beyond what it holds, and no more.

    What exceeds it fails with an error in the process that asks, instead of the whole machine
    running out. Memory of GPUs is not counted.
    """
    with open("/proc/self/status") as file:  # noqa: PTH123
        held = next(int(line.split()[1]) for line in file if line.startswith("VmData"))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (held * 1024 + round(gib * GIB), most))
