"""Jobs for workers, their reports, and the interface of the work that proposes jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from swast.config import TrainConfig
from swast.result import EpochRecord, TrainResult


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        number: of the job, given by the work.
        config: the configuration to train.
        folder: of its checkpoint; the job resumes from it if there is one.
        test: read the test set at the end.
    """

    number: int
    config: TrainConfig
    folder: Path
    test: bool = False


@dataclass(frozen=True)
class Report:
    """Progress of a job since its last report.

    Attributes:
        epochs: those made since then; with the first report those of the checkpoint as well.
        bill: FLOPs so far by term.
        shared: FLOPs of the bill that other jobs paid, whose warm-up this one shares.
        result: of the whole training without its weights, after the last epoch.
    """

    epochs: Sequence[EpochRecord]
    bill: Mapping[str, int]
    shared: int = 0
    result: TrainResult | None = None


class FailureKind(Enum):
    """Kinds of failures."""

    DIVERGED = "the loss stopped being finite"
    REFUSED = "the trainer refused the configuration or the data"
    OUT_OF_MEMORY = "memory is exhausted"
    RAISED = "the network or the trainer raised an error"
    WORKER_LOST = "the worker process died"

    @property
    def is_lasting(self) -> bool:
        """Return whether a retry would fail in the same way."""
        return self in (FailureKind.DIVERGED, FailureKind.REFUSED)


@dataclass(frozen=True)
class Failure:
    """The end of a job without a result.

    Attributes:
        kind: of the failure.
        reason: in one line.
        trace: Python's traceback of an error that the network or the trainer raised; else empty.
    """

    kind: FailureKind
    reason: str
    trace: str = field(default="", compare=False)


Outcome = TrainResult | Failure | None
"""End of a job; None if it was stopped before its last epoch."""


class Work(Protocol):
    """Source of jobs, and receiver of their reports."""

    @property
    def over(self) -> bool:
        """Return whether no more jobs will be proposed."""

    def propose(self) -> Job | None:
        """Return the next job to start; None if there is none now."""

    def on_report(self, number: int, report: Report) -> bool:
        """Record the progress of a job; return whether it continues."""

    def on_end(self, number: int, outcome: Outcome) -> None:
        """Record the end of a job."""

    def rest(self) -> None:
        """Do work that can wait; called while all workers have jobs."""

    def pause(self) -> None:
        """Start no more jobs, and stop running ones at the end of their epoch."""
