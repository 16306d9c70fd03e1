"""Asynchronous successive halving for two objectives, in NumPy alone.

Trials are compared at rungs, which are some of their epochs. A trial that reaches a rung is
compared with all trials that have reached it, and continues if it is among the best 1/η of them.
The order is by non-dominated rank on (score at the rung, cost of the full schedule), and within a
rank by the distance to the neighbours along the front. The cost is known before training, so a
cheap trial is not stopped for being cheap and therefore behind.

Asynchronous successive halving: Li et al., A System for Massively Parallel Hyperparameter Tuning,
MLSys 2020, in the variant that stops at once and never pauses. Ranks and spread: Deb et al., A
Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.objectives import STANDARD, Objectives
from search.pareto import ranks, unit


@dataclass(frozen=True)
class Arrival:
    """Arrival of a trial at a rung.

    Attributes:
        number: of the trial.
        score: at the rung.
        cost: of its full schedule, above 0.

    Raises:
        ValueError: a value is not finite, or the cost is not above 0.
    """

    number: int
    score: float
    cost: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.score) or not 0 < self.cost < math.inf:
            raise ValueError(
                f"trial {self.number} must have a finite score and a cost above 0, "
                f"got {self.score} and {self.cost}"
            )


@dataclass(frozen=True)
class Decision:
    """Decision on a trial at a rung.

    Attributes:
        epoch: of the rung.
        place: of the trial among those at the rung, from 1; equals count as behind it.
        kept: number of places that continue.
        size: number of trials at the rung, this one included.
    """

    epoch: int
    place: int
    kept: int
    size: int

    @property
    def continues(self) -> bool:
        """Return whether the trial continues."""
        return self.place <= self.kept

    def __str__(self) -> str:
        end = f"the best {self.kept} of {self.size} continue"
        return f"place {self.place} at the rung of epoch {self.epoch}: {end}"


class Halving:
    """Rungs of a search and the trials on them.

    The state is the set of arrivals, in any order; `restore` rebuilds it.

    Args:
        grace: epochs before the first rung, at least 1.
        reduction: η, a whole number; 1/η of the trials at a rung continue, to the next rung at η
            times its epoch. With 1 no trial is ever stopped.
        brackets: number of schedules that trials take in turn; the first rung of bracket b (from
            0) is at grace · η^b. Trials are compared within their bracket.
        objectives: directions and scales of score and cost.
    """

    def __init__(
        self,
        grace: int,
        reduction: int,
        brackets: int = 1,
        objectives: Objectives = STANDARD,
    ) -> None:
        self._objectives = objectives
        self._grace, self._reduction, self._brackets = grace, reduction, brackets
        self._rungs: dict[tuple[int, int], dict[int, Arrival]] = defaultdict(dict)

    def at_rung(self, number: int, epoch: int, epochs: int) -> bool:
        """Return whether an epoch of a trial is a rung.

        Args:
            number: of the trial.
            epoch: to look at.
            epochs: of the trial's whole schedule.
        """
        return epoch < epochs and epoch in rung_epochs(
            self._grace * self._reduction ** self._bracket(number), self._reduction, epochs
        )

    def restore(self, epoch: int, arrival: Arrival) -> None:
        """Put a trial on a rung, in place of its earlier arrival there."""
        self._rungs[self._bracket(arrival.number), epoch][arrival.number] = arrival

    def arrive(
        self, epoch: int, arrival: Arrival, sees: Callable[[int], bool] = lambda _: True
    ) -> Decision:
        """Put a trial on a rung and decide whether it continues.

        Args:
            epoch: of the rung.
            arrival: of the trial.
            sees: whether it is compared with the trial of a number; by default with all.
        """
        self.restore(epoch, arrival)
        rung = self._rungs[self._bracket(arrival.number), epoch]
        others = [
            each for number, each in rung.items() if number != arrival.number and sees(number)
        ]
        size = len(others) + 1
        kept = keep(size, self._reduction)
        return Decision(epoch, place([arrival, *others], self._objectives), kept, size)

    def _bracket(self, number: int) -> int:
        return number % self._brackets


def rung_epochs(first: int, reduction: int, epochs: int) -> tuple[int, ...]:
    """Return the rungs first · η^k below the full length; for η = 1 that is ``first`` alone."""
    found, rung = [], first
    while rung < epochs:
        found.append(rung)
        rung *= reduction
        if reduction == 1:
            break
    return tuple(found)


def keep(size: int, reduction: int) -> int:
    """Return the number of trials at a rung that continue: 1/η of them, rounded up.

    So the first to arrive always continues, and of the first η the best.
    """
    return -(-size // reduction)


def place(arrivals: Sequence[Arrival], objectives: Objectives = STANDARD) -> int:
    """Return the place of the first of some trials among all of them, from 1.

    Equals count as behind it, so the order in which equals arrive does not matter.
    """
    score = objectives.score.rising([each.score for each in arrivals])
    cost = np.array([each.cost for each in arrivals], dtype=float)
    rank = ranks(score, cost)
    peers = rank == rank[0]
    scale = np.log(cost) if objectives.cost.log else cost
    scaled = np.stack([unit(score), unit(scale)])[:, peers]
    spread = crowding(scaled)
    ahead = int((rank < rank[0]).sum()) + int((spread > spread[0]).sum())
    return ahead + 1


def crowding(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the crowding distance of each of some points of one rank.

    That is the distance between the neighbours on either side, summed over the objectives, and
    infinite at the ends. Points at one place share its distance equally.

    Args:
        points: 2 × n, scaled.
    """
    found, inverse, copies = np.unique(points, axis=1, return_inverse=True, return_counts=True)
    spread = np.full(found.shape[1], np.inf)
    spread[1:-1] = np.abs(found[:, 2:] - found[:, :-2]).sum(axis=0)
    shared: NDArray[np.float64] = (spread / copies)[inverse.reshape(-1)]
    return shared
