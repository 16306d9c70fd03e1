"""Proposals: of a thousand candidates, the one with the highest expected improvement.

A few hundred candidates are spread over the space and around the front, then more around the best
of these. Approximate costs rank them all; the best are priced exactly, and the best of those is
proposed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from search.samplers.ehvi.beliefs import Beliefs
from search.samplers.ehvi.costs import FEWEST, RoughCosts
from search.samplers.ehvi.lessons import Seen
from search.samplers.points import Points
from search.samplers.problem import Problem

Array = NDArray[np.float64]
ANYWHERE, NEAR = 400, 200
"""Candidates anywhere in the space, and near the front; as many near the best, each round."""
ROUNDS = 2
"""Rounds of candidates near the best so far."""
PRICED = 10
"""Candidates that are priced exactly for one proposal."""
MARGIN = 1.1
"""Candidates whose approximate cost exceeds the limit by this factor are dropped unpriced."""


class Proposer:
    """Proposes points of a search space (see `search.samplers.points`).

    Args:
        problem: space, objectives and prices.
    """

    def __init__(self, problem: Problem) -> None:
        self.points = Points(problem.space)
        self._prices = problem.prices
        self._rough = RoughCosts()
        self._beliefs = Beliefs(problem, self.points, self._rough)

    def learn_cost(self, row: Array, cost: float | None = None) -> float | None:
        """Learn the relative cost of a point: the one given, else its price; return it."""
        if cost is None and self._prices is not None:
            cost = self._prices.price(self.points.parameters_at(row)[1])
        if cost is not None:
            self._rough.learn(self.points.features(row[None])[0], cost)
        return cost

    def propose(self, seen: Sequence[Seen], draw: np.random.Generator) -> Array:
        """Learn from trials, and return the point with the highest expected improvement.

        Args:
            seen: trials, in their order; at least two finished ones in the space.
            draw: draws candidates.
        """
        with threadpool_limits(1):  # matrices are small, and cores may be busy
            return self._propose(seen, draw)

    def _propose(self, seen: Sequence[Seen], draw: np.random.Generator) -> Array:
        self._beliefs.learn(seen)
        for _ in range(FEWEST - len(self._rough)):
            self.learn_cost(self.points.snapped(draw.random((1, len(self.points))))[0])
        taken = {each.row.tobytes() for each in seen if each.row is not None}
        anywhere = draw.random((ANYWHERE, len(self.points)))
        near = self._near(self._beliefs.members, draw)
        rows = self._new(np.concatenate([anywhere, near]), taken)
        if not len(rows):
            return np.asarray(anywhere[0])
        found = self._expected(rows)
        for _ in range(ROUNDS):
            more = self._new(self._near(rows[_descending(found)[:PRICED]], draw), taken)
            rows = np.concatenate([rows, more])
            found = np.concatenate([found, self._expected(more)])
        return self._best_priced(rows[_descending(found)])

    def better_again(self, row: Array) -> int | None:
        """Return the trial that deserves another reading more than the proposed point its first.

        None if none does (see `Beliefs.better_again`).
        """
        features = self.points.features(row[None])[0]
        price = self.learn_cost(row)
        cost = float(self._rough(features[None])[0]) if price is None else price
        return self._beliefs.better_again(features, cost)

    def _near(self, rows: Array, draw: np.random.Generator) -> Array:
        return self.points.mutated(rows, NEAR, draw)

    def _new(self, rows: Array, taken: set[bytes]) -> Array:
        """Snap points to valid configurations, drop those taken, and mark the rest as taken."""
        new = []
        for row in self.points.snapped(rows):
            key = row.tobytes()
            if key not in taken:
                taken.add(key)
                new.append(row)
        return np.array(new).reshape(-1, len(self.points))

    def _expected(self, rows: Array) -> Array:
        """Return the logarithm of the expected improvement of points, by approximate costs."""
        if not len(rows):
            return np.empty(0)
        features = self.points.features(rows)
        cost = self._rough(features)
        found = self._log_improvement(features, cost)
        if self._prices is not None and self._prices.limit < math.inf:
            found[cost > MARGIN * self._prices.limit] = -np.inf
        return found

    def _log_improvement(self, features: Array, cost: Array) -> Array:
        mean, sd = self._beliefs.predict(features)
        return self._beliefs.front.log_improvement(mean, sd, cost)

    def _best_priced(self, rows: Array) -> Array:
        """Return the best by exact costs of the first points; they come best first by rough costs.

        If all of them exceed the limit, return the point that is roughly the cheapest of all.
        """
        if self._prices is None:
            return np.asarray(rows[0])
        best = rows[:PRICED]
        cost = np.array([self.learn_cost(row) for row in best], dtype=float)
        allowed = cost <= self._prices.limit
        if not allowed.any():
            return np.asarray(rows[self._rough(self.points.features(rows)).argmin()])
        best, cost = best[allowed], cost[allowed]
        found = self._log_improvement(self.points.features(best), cost)
        return np.asarray(best[_descending(found)[0]])


def _descending(values: Array) -> NDArray[np.intp]:
    """Return the indices of values from the greatest on; equal ones in their order."""
    return np.argsort(-values, kind="stable")
