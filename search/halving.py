"""Asynchronous successive halving for two objectives, in NumPy alone.

Trials are compared at rungs, some of their epochs. A trial that reaches a rung is compared with
all that have reached it, and goes on if it is among the best 1/η of them. Better is who has the
lower non-dominated rank on (accuracy at the rung, up; training FLOPs of the full schedule, down),
and within a rank who stands farther from its neighbours along the front. The FLOPs are known
before training, so a cheap trial is not stopped for being cheap and therefore less accurate.

Asynchronous successive halving: Li et al., A System for Massively Parallel Hyperparameter Tuning,
MLSys 2020, in the variant that stops at once and never pauses. Ranks and spread: Deb et al., A
Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.pareto import ranks, unit


@dataclass(frozen=True)
class Arrival:
    """A trial at a rung.

    Attributes:
        number: of the trial.
        accuracy: at the rung.
        flops: training FLOPs of its full schedule, above 0.

    Raises:
        ValueError: a value is not finite, or the FLOPs are not above 0.
    """

    number: int
    accuracy: float
    flops: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.accuracy) or not 0 < self.flops < math.inf:
            raise ValueError(f"trial {self.number} has {self.accuracy} at {self.flops} FLOPs")


@dataclass(frozen=True)
class Decision:
    """What a rung says of a trial.

    Attributes:
        epoch: of the rung.
        place: of the trial among those at the rung, from 1; those as good as it count as behind.
        kept: places that go on.
        size: trials at the rung, this one included.
    """

    epoch: int
    place: int
    kept: int
    size: int

    @property
    def goes_on(self) -> bool:
        """Whether the trial is trained further."""
        return self.place <= self.kept

    def __str__(self) -> str:
        end = f"the best {self.kept} of {self.size} go on"
        return f"place {self.place} at the rung of epoch {self.epoch}: {end}"


class Halving:
    """The rungs of a search, and who stands on them.

    Its state is the arrivals alone, whatever their order, so it is rebuilt by `restore`.

    Args:
        grace: epochs before the first rung, at least 1.
        reduction: η, a whole number; each rung lets 1/η of its trials go on, and the next is at η
            times its epoch. With 1 nothing is ever stopped.
        brackets: schedules that trials take in turn by number; the first rung of bracket b (from
            0) is at grace · η^b. Trials are compared within their bracket.
    """

    def __init__(self, grace: int, reduction: int, brackets: int = 1) -> None:
        self._grace, self._reduction, self._brackets = grace, reduction, brackets
        self._rungs: dict[tuple[int, int], dict[int, Arrival]] = defaultdict(dict)

    def at_rung(self, number: int, epoch: int, epochs: int) -> bool:
        """Whether an epoch of a trial that is to make some epochs in all is a rung."""
        return epoch < epochs and epoch in rung_epochs(
            self._grace * self._reduction ** self._bracket(number), self._reduction, epochs
        )

    def restore(self, epoch: int, arrival: Arrival) -> None:
        """Put a trial on a rung, in place of what it was there before."""
        self._rungs[self._bracket(arrival.number), epoch][arrival.number] = arrival

    def arrive(self, epoch: int, arrival: Arrival) -> Decision:
        """Put a trial on a rung and say whether it goes on."""
        self.restore(epoch, arrival)
        rung = self._rungs[self._bracket(arrival.number), epoch]
        others = [each for number, each in rung.items() if number != arrival.number]
        size = len(rung)
        kept = keep(size, self._reduction)
        return Decision(epoch, place([arrival, *others]), kept, size)

    def _bracket(self, number: int) -> int:
        return number % self._brackets


def rung_epochs(first: int, reduction: int, epochs: int) -> tuple[int, ...]:
    """The rungs first · η^k below the full length; with an η of 1 that is ``first`` alone."""
    found, rung = [], first
    while rung < epochs:
        found.append(rung)
        rung *= reduction
        if reduction == 1:
            break
    return tuple(found)


def keep(size: int, reduction: int) -> int:
    """How many of the trials at a rung go on: 1/η of them, rounded up.

    So the first to arrive always goes on, and of the first η the best.
    """
    return -(-size // reduction)


def place(arrivals: Sequence[Arrival]) -> int:
    """The place of the first of some trials among all of them, from 1.

    Those that are as good as it count as behind it, so nothing hangs on who of equals came first.
    """
    accuracy = np.array([each.accuracy for each in arrivals])
    flops = np.array([each.flops for each in arrivals], dtype=float)
    rank = ranks(accuracy, flops)
    peers = rank == rank[0]
    scaled = np.stack([unit(accuracy), unit(np.log(flops))])[:, peers]
    spread = crowding(scaled)
    ahead = int((rank < rank[0]).sum()) + int((spread > spread[0]).sum())
    return ahead + 1


def crowding(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each of some points of one rank stands from its neighbours along the front.

    The distance between the neighbours on either side, summed over the objectives; infinite at
    the ends. Points at one place share its distance equally.

    Args:
        points: 2 × n, scaled.
    """
    found, inverse, copies = np.unique(points, axis=1, return_inverse=True, return_counts=True)
    spread = np.full(found.shape[1], np.inf)
    spread[1:-1] = np.abs(found[:, 2:] - found[:, :-2]).sum(axis=0)
    shared: NDArray[np.float64] = (spread / copies)[inverse.reshape(-1)]
    return shared
