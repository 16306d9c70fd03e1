"""What a search's trials tell: the front as far as it is known, and scores of new points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from search.estimates.estimate import Estimates, Evidence, estimate
from search.pareto import POSSIBLE, front
from search.samplers.ehvi.costs import RoughCosts
from search.samplers.ehvi.front import UncertainFront
from search.samplers.ehvi.lessons import Seen, lessons
from search.samplers.ehvi.surrogate import Surrogate
from search.samplers.points import Points
from search.samplers.problem import Problem

Array = NDArray[np.float64]


class Beliefs:
    """Surrogate and front, learnt from trials.

    Args:
        problem: objectives, and the size of the validation set.
        points: the search space.
        rough: approximation of costs.

    Attributes:
        front: of the trials; known once `learn` was called.
        members: points on it or near, at least one.
    """

    def __init__(self, problem: Problem, points: Points, rough: RoughCosts) -> None:
        self._problem, self._points, self._rough = problem, points, rough
        self._surrogate = Surrogate()
        self.front: UncertainFront
        self.members: Array

    def learn(self, seen: Sequence[Seen]) -> None:
        """Learn from ended trials, and take running ones at their expected score.

        Args:
            seen: trials, in their order; at least two finished ones in the space.
        """
        done = [each for each in seen if each.score is not None]
        cost = np.array([each.cost for each in done], dtype=float)
        made = self._estimate(done, cost)
        taught = lessons(seen)
        self._surrogate.learn(
            self._points.features(taught.rows), taught.values, taught.variances, taught.all
        )
        running = [
            each for each in seen if each.running and each.score is None and each.row is not None
        ]
        expected = self._believe(running)
        self.front = UncertainFront(made, cost, expected, self._problem.objectives)
        scores = [*made.score, *(score for score, _ in expected)]
        best = front(scores, [*cost, *(price for _, price in expected)])
        rows = [[*done, *running][place].row for place in best]
        self.members = np.array([row for row in rows if row is not None] or [taught.rows[-1]])
        self._numbers = [each.number for each in done]
        self._busy = {each.number for each in done if each.running}

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the logit of the score at m points."""
        return self._surrogate.predict(features)

    def better_again(self, features: Array, cost: float) -> int | None:
        """Return the trial that deserves another reading more than a new point its first.

        None if another reading of any trial is expected to gain less for its cost. A trial of
        which another reading runs is left alone.

        Args:
            features: of the new point.
            cost: its relative cost.
        """
        mean, sd = (float(each[0]) for each in self.predict(features[None]))
        worth = {
            number: self.front.worth_of_again(place)
            for place, number in enumerate(self._numbers)
            if self.front.chances[place] >= POSSIBLE and number not in self._busy
        }
        best = max(worth, key=lambda number: worth[number], default=None)
        if best is None or worth[best] <= self.front.worth_of_new(mean, sd, cost):
            return None
        return best

    def _estimate(self, done: Sequence[Seen], cost: Array) -> Estimates:
        nowhere = np.full(len(self._points), np.nan)
        rows = np.array([nowhere if each.row is None else each.row for each in done])
        features = self._points.features(rows)
        features[[each.row is None for each in done]] = np.nan
        readings = [(each.score or 0.0, *each.again) for each in done]
        return estimate(Evidence(features, cost, readings, self._problem.samples))

    def _believe(self, running: Sequence[Seen]) -> list[tuple[float, float]]:
        """Return the expected score and the relative cost of running trials."""
        if not running:
            return []
        features = self._points.features(np.array([each.row for each in running]))
        scores = expit(self._surrogate.believe(features)).tolist()
        rough = self._rough(features).tolist()
        return [
            (score, each.cost or price)
            for each, score, price in zip(running, scores, rough, strict=True)
        ]
