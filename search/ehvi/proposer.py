"""What to try next: of a thousand candidates the one from which most hypervolume is expected.

A few hundred candidates lie anywhere and near the front, then more near the best of these. Rough
costs rank them all; the best are priced exactly, and the best of those is proposed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from search.ehvi.costs import FEWEST, Prices, RoughCosts
from search.ehvi.improvement import Strips, log_improvement, logistic_strips, saved
from search.ehvi.lessons import Seen, lessons
from search.ehvi.points import Points
from search.ehvi.surrogate import Surrogate
from search.pareto import front
from search.study import Study

Array = NDArray[np.float64]
ANYWHERE, NEAR = 400, 200
"""Candidates anywhere in the space, and near the front; as many near the best, each time."""
ROUNDS = 2
"""Times that candidates are looked for near the best so far."""
PRICED = 10
"""Candidates that are priced exactly for one proposal."""
MARGIN = 1.1
"""By how much a rough cost may exceed a limit before a candidate is left out unpriced."""


class Proposer:
    """Proposes points of a study's space (see `search.ehvi.points`).

    Args:
        study: the study.
    """

    def __init__(self, study: Study) -> None:
        self.points = Points(study)
        self.prices: Prices | None = None
        self._axes = study.objectives
        self._surrogate, self._rough = Surrogate(), RoughCosts()

    def learn_cost(self, row: Array, relative: float | None = None) -> float | None:
        """The relative FLOPs of a point, as told or else as priced, of which note is taken."""
        if relative is None and self.prices is not None:
            relative = self.prices.relative(self.points.config_at(row))
        if relative is not None:
            self._rough.learn(self.points.features(row[None])[0], relative)
        return relative

    def propose(self, seen: Sequence[Seen], draw: np.random.Generator) -> Array:
        """The point from which most is expected.

        Args:
            seen: trials, in their order; at least two finished ones in the space.
            draw: draws candidates.
        """
        for _ in range(FEWEST - len(self._rough)):
            self.learn_cost(self.points.snapped(draw.random((1, len(self.points))))[0])
        strips, members = self._learn(seen)
        taken = {each.row.tobytes() for each in seen if each.row is not None}
        anywhere = draw.random((ANYWHERE, len(self.points)))
        rows = self._new(np.concatenate([anywhere, self._near(members, draw)]), taken)
        if not len(rows):
            return np.asarray(anywhere[0])
        found = self._expected(rows, strips)
        for _ in range(ROUNDS):
            more = self._new(self._near(rows[_descending(found)[:PRICED]], draw), taken)
            rows = np.concatenate([rows, more])
            found = np.concatenate([found, self._expected(more, strips)])
        return self._best_priced(rows[_descending(found)], strips)

    def _learn(self, seen: Sequence[Seen]) -> tuple[Strips, Array]:
        """Teach the surrogate what trials came to, and what running ones are expected to.

        Returns:
            The front of both, and at least one point on it or near.
        """
        taught = lessons(seen)
        self._surrogate.learn(
            self.points.features(taught.rows), taught.values, taught.variances, taught.all
        )
        points = [
            (each.relative, each.accuracy, each.row)
            for each in seen
            if each.accuracy is not None and each.relative is not None
        ]
        running = [each for each in seen if each.running and each.row is not None]
        if running:
            features = self.points.features(np.array([each.row for each in running]))
            rough = self._rough(features)
            expected = expit(self._surrogate.believe(features))
            points += [
                (each.relative or float(cost), float(accuracy), each.row)
                for each, cost, accuracy in zip(running, rough, expected, strict=True)
            ]
        relative = [each[0] for each in points]
        accuracy = [each[1] for each in points]
        rows = [points[place][2] for place in front(accuracy, relative)]
        members = [row for row in rows if row is not None] or [taught.rows[-1]]
        return logistic_strips(accuracy, relative, self._axes), np.array(members)

    def _near(self, rows: Array, draw: np.random.Generator) -> Array:
        return self.points.mutated(rows, NEAR, draw)

    def _new(self, rows: Array, taken: set[bytes]) -> Array:
        """Where points lead to that no trial has taken; from now on these are taken."""
        new = []
        for row in self.points.snapped(rows):
            key = row.tobytes()
            if key not in taken:
                taken.add(key)
                new.append(row)
        return np.array(new).reshape(-1, len(self.points))

    def _expected(self, rows: Array, strips: Strips) -> Array:
        """The logarithm of what points are expected to add, by rough costs."""
        if not len(rows):
            return np.empty(0)
        features = self.points.features(rows)
        relative = self._rough(features)
        found = self._log_improvement(features, relative, strips)
        if self.prices is not None and self.prices.limit is not None:
            most = MARGIN * self.prices.most(self.points.config_at(rows[0]))
            found[relative > most] = -np.inf
        return found

    def _log_improvement(self, features: Array, relative: Array, strips: Strips) -> Array:
        mean, sd = self._surrogate.predict(features)
        return log_improvement(mean, sd, saved(relative, self._axes), strips)

    def _best_priced(self, rows: Array, strips: Strips) -> Array:
        """The best by exact costs of the first points, of which the first is best by rough ones.

        Where these are dearer than a trial may be, the one that is roughly the cheapest of all.
        """
        if self.prices is None:
            return np.asarray(rows[0])
        best = rows[:PRICED]
        relative = np.array([self.learn_cost(row) for row in best], dtype=float)
        allowed = relative <= [self.prices.most(self.points.config_at(row)) for row in best]
        if not allowed.any():
            return np.asarray(rows[self._rough(self.points.features(rows)).argmin()])
        best, relative = best[allowed], relative[allowed]
        found = self._log_improvement(self.points.features(best), relative, strips)
        return np.asarray(best[_descending(found)[0]])


def _descending(values: Array) -> NDArray[np.intp]:
    """Places of values from the greatest on; equal ones in their order."""
    return np.argsort(-values, kind="stable")
