"""What a search hands to its workers, and what they say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from search.histories import Epoch
from swast.config import TrainConfig


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        number: by which the work knows it.
        config: what to train.
        folder: of its checkpoint, from which it goes on if there is one.
        test: whether the test set is read at the end.
    """

    number: int
    config: TrainConfig
    folder: Path
    test: bool = False


@dataclass(frozen=True)
class Report:
    """What a worker has done since it last said so.

    Attributes:
        epochs: those made since then; with the first report those of the checkpoint as well.
        flops: the bill so far by term.
        shared_flops: what of it other jobs have paid, whose warm-up this one took over.
        result: `swast.TrainResult.to_dict`, after the last epoch.
    """

    epochs: Sequence[Epoch]
    flops: Mapping[str, int]
    shared_flops: int = 0
    result: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Failure:
    """Why a job ended without a result.

    Attributes:
        reason: in one line.
        lasting: whether it would fail again in the same way.
    """

    reason: str
    lasting: bool = False


class Work(Protocol):
    """Jobs, and who is told of them."""

    @property
    def over(self) -> bool:
        """Whether nothing more will be proposed."""

    def propose(self) -> Job | None:
        """The next job to start; None if there is none now."""

    def on_report(self, number: int, report: Report) -> bool:
        """Take note of what a worker says of a job; returns whether the job goes on."""

    def on_end(self, number: int, outcome: Mapping[str, Any] | Failure | None) -> None:
        """Take note that a job ended: with its result, a failure, or stopped on the way."""

    def rest(self) -> None:
        """Do what can wait, now that the workers have their jobs."""

    def pause(self) -> None:
        """Start nothing more, and let what runs go on to the end of its epoch only."""
