"""Readings of a configuration's score, and what is estimated from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search.objectives import Objectives


@dataclass(frozen=True)
class Estimate:
    """Estimate of the score that a configuration has over seeds (see `search.estimates`).

    Attributes:
        score: the estimated mean over seeds.
        error: its standard error.
        low, high: ends of its 90 % interval.
        front: probability that no other configuration of the search dominates it.
        readings: number of trainings that count (see `search.trials.confirming`).
        spread: standard deviation between seeds.
    """

    score: float
    error: float
    low: float
    high: float
    front: float
    readings: int
    spread: float

    def to_dict(self, objectives: Objectives) -> dict[str, Any]:
        """Return plain values."""
        return {
            objectives.score.key: self.score,
            "error": self.error,
            "interval": [self.low, self.high],
            "on_front": self.front,
            "readings": self.readings,
            "spread": self.spread,
        }


@dataclass(frozen=True)
class Reading:
    """A training that confirms a configuration, or whose network was read on the test set.

    Attributes:
        score: after the last epoch, on the validation set.
        test_score: the same on the test set; None if that was not read.
        cost: of the training.
    """

    score: float
    test_score: float | None
    cost: float

    def to_dict(self, objectives: Objectives) -> dict[str, float | None]:
        """Return plain values, under the names that files and MLflow use."""
        score, cost = objectives.score, objectives.cost
        return {
            score.metric: self.score,
            f"test_{score.key}": self.test_score,
            cost.absolute_key: self.cost,
        }
