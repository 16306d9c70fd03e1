"""Replays of searches that may read a configuration again, and what their fronts are worth.

A strategy chooses a new configuration or another reading of a tried one. Every reading is billed.
When a budget is spent, the strategy shows its front; the world knows what each member is worth.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from bench.readings import Cell, World, key, read
from search.objectives import Objectives
from search.pareto import front, hypervolume
from search.samplers.problem import Values

TOLERANCE = 0.003
"""Accuracy by which a member may be beaten and still count as one within the tolerance."""


@dataclass
class Tried:
    """A configuration that was trained.

    Attributes:
        values: of its fields.
        cost: relative cost of a whole training.
        scores: readings, the first one first.
    """

    values: Values
    cost: float
    scores: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """The mean of its readings."""
        return sum(self.scores) / len(self.scores)


@dataclass
class History:
    """Knowledge of a strategy: tried configurations, and the prices of their next readings.

    Attributes:
        tried: in their order; a configuration's number is its place here.
        charge: cost of another reading of a configuration, by its number.
        spent: relative cost of all readings.
        limit: the most that they may cost; infinite if their number is limited.
    """

    charge: Callable[[int], float]
    tried: list[Tried] = field(default_factory=list)
    spent: float = 0.0
    limit: float = math.inf

    @property
    def readings(self) -> int:
        """Number of trainings."""
        return sum(len(each.scores) for each in self.tried)


@dataclass(frozen=True)
class Shown:
    """A member of the front that a strategy shows.

    Attributes:
        number: of the configuration.
        score: of the configuration, as shown.
        interval: that holds the score with a probability of 90 %, as shown; None if it shows
            none.
    """

    number: int
    score: float
    interval: tuple[float, float] | None = None


class Strategy(Protocol):
    """Search with noisy readings.

    Attributes:
        plans: whether its choices depend on the end of its budget.
    """

    plans: bool

    def next(self, history: History) -> Values | int | None:
        """Return a new configuration, or the number of a tried one to read again; None to end."""

    def tell(self, number: int, history: History) -> None:
        """Learn the last reading of a configuration."""

    def closes(self) -> bool:
        """Return whether it uses up a budget that fits no new configuration; then none comes."""

    def shown(self, history: History) -> list[Shown]:
        """Return the front with the scores that a user would see."""


@dataclass(frozen=True)
class Budget:
    """The end of a replay, or of a part of it.

    Attributes:
        planned: trainings of the yardstick for that budget.
        cost: the most that all trainings may cost.
        trainings: the most of them.
    """

    planned: int
    cost: float = math.inf
    trainings: float = math.inf


class Replay:
    """A replayed search.

    Args:
        world: has the configurations.
        strategy: chooses them.
        seed: of the readings, which are the same under every strategy.
    """

    def __init__(self, world: World, strategy: Strategy, seed: int) -> None:
        self._world, self._strategy, self._seed = world, strategy, seed
        self.history = History(self._charge)
        self._cells: list[Cell] = []
        self._numbers: dict[str, int] = {}
        self._warm: dict[int, int] = defaultdict(int)
        self._waiting: int | None = None

    def run(self, budget: Budget) -> dict[str, Any]:
        """Train as long as the budget allows, and return the worth of the front then."""
        self.history.limit = budget.cost
        while True:
            number = self._choose()
            if number is None:
                return self.measure(budget.planned)
            cost, warm = self._bill(number)
            if self.history.readings >= budget.trainings:
                return self.measure(budget.planned)
            if self.history.spent + cost <= budget.cost * (1 + 1e-9):
                self._train(number, cost, warm)
            elif self.history.tried[number].scores or not self._strategy.closes():
                return self.measure(budget.planned)
            else:
                self._waiting = None

    def _choose(self) -> int | None:
        """Return the configuration to train next, if any; it waits until a budget allows it."""
        if self._waiting is None:
            chosen = self._strategy.next(self.history)
            if chosen is None or isinstance(chosen, int):
                self._waiting = chosen
            else:
                self._waiting = self._number(chosen)
        return self._waiting

    def _number(self, values: Values) -> int:
        """Return the number of a configuration; one that is new is added without a reading."""
        name = key(values)
        if name not in self._numbers:
            self._numbers[name] = len(self._cells)
            self._cells.append(self._world.cell(values, self._seed))
            self.history.tried.append(Tried(values, self._cells[-1].cost))
        return self._numbers[name]

    def _bill(self, number: int) -> tuple[float, int]:
        tried = self.history.tried[number]
        return self._world.charge(tried.values, self._warm[len(tried.scores)])

    def _charge(self, number: int) -> float:
        return self._bill(number)[0]

    def _train(self, number: int, cost: float, warm: int) -> None:
        tried = self.history.tried[number]
        reading = len(tried.scores)
        self._warm[reading] = warm
        tried.scores.append(read(self._cells[number], tried.values, reading, self._seed))
        self.history.spent += cost
        self._waiting = None
        self._strategy.tell(number, self.history)

    def measure(self, budget: int) -> dict[str, Any]:
        """Return the front that the strategy shows now, and its worth."""
        history = self.history
        tried = [place for place, each in enumerate(history.tried) if each.scores]
        truth = [self._cells[place].truth for place in tried]
        cost = [self._cells[place].cost for place in tried]
        best = set(np.array(tried)[front(truth, cost)].tolist())
        members = []
        for each in self._strategy.shown(history):
            cell = self._cells[each.number]
            beaten = max(t for t, c in zip(truth, cost, strict=True) if c <= cell.cost)
            members.append(
                {
                    "cost": cell.cost,
                    "shown": each.score,
                    "interval": each.interval,
                    "readings": len(history.tried[each.number].scores),
                    "fresh": cell.truth,
                    "stays": each.number in best,
                    "nearly": beaten <= cell.truth + TOLERANCE,
                }
            )
        return {
            "budget": budget,
            "spent": history.spent,
            "trainings": history.readings,
            "tried": len(tried),
            "members": members,
            **worth(members, truth, cost, self._world.problem.objectives),
        }


def worth(
    members: Sequence[dict[str, Any]],
    truth: Sequence[float],
    cost: Sequence[float],
    axes: Objectives,
) -> dict[str, float | None]:
    """Return the measures of a front.

    Args:
        members: of the front, at least one.
        truth: true mean of each configuration that was tried.
        cost: of the same.
        axes: of the hypervolume.

    Returns:
        optimism: mean of shown score less true mean.
        optimism_above: the same over members whose true mean is above the reference score; None if
            there is none.
        covered: share of 90 % intervals that hold the true mean; None where none is shown.
        stay: share of members that no tried configuration beats by true means.
        nearly: the same, where only more than `TOLERANCE` counts as beaten.
        shown, found, known: hypervolume of members by shown scores and by true means, and of all
            tried configurations by true means.
        regret: the best true mean of all less that of the member with the best shown score.
    """
    costs, fresh, shown = ([each[name] for each in members] for name in ("cost", "fresh", "shown"))
    above = [s - f for s, f in zip(shown, fresh, strict=True) if f > axes.score.reference]
    inside = [
        each["interval"][0] <= each["fresh"] <= each["interval"][1]
        for each in members
        if each["interval"] is not None
    ]
    pick = max(members, key=lambda each: float(each["shown"]))
    return {
        "optimism": float(np.mean(np.array(shown) - fresh)),
        "optimism_above": float(np.mean(above)) if above else None,
        "covered": float(np.mean(inside)) if inside else None,
        "stay": float(np.mean([each["stays"] for each in members])),
        "nearly": float(np.mean([each["nearly"] for each in members])),
        "shown": hypervolume(shown, costs, axes),
        "found": hypervolume(fresh, costs, axes),
        "known": hypervolume(truth, cost, axes),
        "regret": max(truth) - pick["fresh"],
    }
