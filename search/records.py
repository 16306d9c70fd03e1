"""What a search knows of one trial, whichever store it was read from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search.pareto import front, hypervolume, knee, ranks
from search.tables import STANDARD, Objectives

State = Literal["waiting", "running", "paused", "complete", "pruned", "failed"]
ENDED: tuple[State, ...] = ("complete", "pruned", "failed")
"""How a trial may have ended."""


@dataclass(frozen=True)
class Reading:
    """A training that was read on the test set.

    Attributes:
        val_accuracy: after the last epoch, in [0, 1].
        test_accuracy: the same on the test set.
        train_flops: of the training.
    """

    val_accuracy: float
    test_accuracy: float
    train_flops: int


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: its number in the search, from 0.
        state: only ``complete`` trials made every epoch, and only they can be on the front;
            ``paused`` ones go on from their checkpoints when the search is resumed.
        params: the searched settings by dotted path.
        config: the whole training configuration, nested.
        reference: the name of the reference that it is, if it is one.
        accuracy: validation accuracy after the last epoch, in [0, 1].
        train_flops: training FLOPs of the whole schedule.
        relative_flops: the same over dense training on all data.
        epochs: epochs made.
        seconds: wall time of the training.
        flops: the bill so far by term.
        environment: where it was trained, and with which versions (see `swast.environment`).
        shared_flops: what of it was paid by other trials, whose warm-up it took over.
        run_id: its MLflow run.
        reason: why it failed or was stopped.
        rejected: proposed and never started: too dear, or trained before.
        predicted_flops: what the whole schedule will cost, where halving had it priced beforehand.
        rungs: accuracy at each rung that it reached, by epoch.
        stopped_at: epoch of the rung that stopped it, if one did.
        retries: times that it was tried again after it had failed.
        readings: trainings of it that were read on the test set, by seed.
        ended: when it ended, ISO 8601.
    """

    number: int
    state: State
    params: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    reference: str | None = None
    accuracy: float | None = None
    train_flops: int | None = None
    relative_flops: float | None = None
    epochs: int = 0
    seconds: float | None = None
    flops: dict[str, int] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    shared_flops: int = 0
    run_id: str | None = None
    reason: str | None = None
    rejected: bool = False
    predicted_flops: int | None = None
    rungs: dict[int, float] = field(default_factory=dict)
    stopped_at: int | None = None
    retries: int = 0
    readings: dict[int, Reading] = field(default_factory=dict)
    ended: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was begun and is not at its end."""
        return self.state in ("running", "paused")

    @property
    def test_accuracy(self) -> float | None:
        """Accuracy on the test set, if that was read, in [0, 1]."""
        own = self.readings.get(self.config.get("seed", 0))
        return None if own is None else own.test_accuracy

    @property
    def flops_spent(self) -> int:
        """Its own bill so far, evaluation apart."""
        return sum(value for term, value in self.flops.items() if term != "evaluation")

    @property
    def label(self) -> str:
        """A short name: its number, and the reference that it is."""
        return f"#{self.number}" + (f" {self.reference}" if self.reference else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self) | {"test_accuracy": self.test_accuracy}


def finished(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that made every epoch."""
    return [trial for trial in trials if trial.state == "complete"]


def stopped(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that a rung stopped."""
    return [each for each in trials if each.state == "pruned" and each.stopped_at is not None]


def front_of(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The finished trials that no other finished trial dominates, cheapest first."""
    done = finished(trials)
    return [done[place] for place in front(*objectives(done))]


def ranks_of(trials: Sequence[TrialRecord]) -> dict[int, int]:
    """The non-dominated rank of each finished trial, by its number; 0 on the front."""
    done = finished(trials)
    found = ranks(*objectives(done))
    return {trial.number: int(rank) for trial, rank in zip(done, found, strict=True)}


def knee_of(trials: Sequence[TrialRecord]) -> TrialRecord:
    """The knee of the front of at least one finished trial."""
    done = finished(trials)
    return done[knee(*objectives(done))]


def hypervolume_of(trials: Sequence[TrialRecord], axes: Objectives = STANDARD) -> float:
    """The hypervolume of the finished trials (see `search.pareto.hypervolume`)."""
    accuracy, relative_flops = objectives(finished(trials))
    return hypervolume(accuracy, relative_flops, axes)


def objectives(done: Sequence[TrialRecord]) -> NDArray[np.float64]:
    """Accuracy and relative FLOPs of finished trials, 2 × n."""
    pairs = [(trial.accuracy, trial.relative_flops) for trial in done]
    return np.array(pairs, dtype=float).reshape(-1, 2).T


def flops_promised(trials: Sequence[TrialRecord]) -> int:
    """FLOPs that all trials have cost, those that are not at their end counted whole."""
    ended = [trial for trial in trials if not trial.is_open]
    return flops_spent(ended) + sum(
        trial.predicted_flops or 0 for trial in trials if trial.is_open
    )


def flops_spent(trials: Sequence[TrialRecord]) -> int:
    """FLOPs that a search has cost so far: those of all trials, stopped and failed ones included.

    A warm-up that trials share is counted once.
    """
    return sum(trial.flops_spent - trial.shared_flops for trial in trials)
