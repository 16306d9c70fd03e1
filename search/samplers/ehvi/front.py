"""The front that a proposal is to improve, known as well as its readings tell.

A proposal's expected improvement is the mean over joint draws of the tried configurations' scores,
as in noisy expected hypervolume improvement (Daulton et al., Parallel Bayesian Optimization of
Multiple Noisy Objectives with Expected Hypervolume Improvement, 2021).

Another reading of a tried configuration is worth what it is expected to add to the hypervolume of
the estimated front, as in the knowledge gradient (Frazier et al., The Knowledge-Gradient Policy
for Correlated Normal Beliefs, 2009): the estimate will move, but by less than its own error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from search.estimates.estimate import Estimates
from search.objectives import Objectives
from search.samplers.ehvi.improvement import Strips, log_improvement, logistic_strips

Array = NDArray[np.float64]
DRAWS = 8
"""Draws of the front over which a proposal's improvement is averaged."""
LEAST = 1e-6
"""The least standard deviation."""


class UncertainFront:
    """Front of tried configurations, and of running ones at their expected score.

    Args:
        made: estimates of the tried configurations.
        cost: their relative costs, k.
        running: expected scores and relative costs of running configurations.
        objectives: the ends of the axes.

    Attributes:
        chances: probability that a tried configuration is on the front, k.
    """

    def __init__(
        self,
        made: Estimates,
        cost: Array,
        running: Sequence[tuple[float, float]],
        objectives: Objectives,
    ) -> None:
        self.chances = made.front
        self._made, self._cost, self._objectives = made, cost, objectives
        self._running = np.array(running, dtype=float).reshape(-1, 2).T
        near = cost[made.near]
        some = np.linspace(0, len(made.draws) - 1, DRAWS).astype(int)
        self._drawn = [self._strips(made.draws[place], near) for place in some]
        self._expected = self._strips(made.score, cost)

    def _strips(self, score: Array, cost: Array) -> Strips:
        more_score, more_cost = self._running
        return logistic_strips(
            np.append(score, more_score), np.append(cost, more_cost), self._objectives
        )

    def log_improvement(self, mean: ArrayLike, sd: ArrayLike, cost: ArrayLike) -> Array:
        """Return the logarithm of the expected improvement by each of n new configurations.

        Args:
            mean: of the logit of its score, n.
            sd: standard deviation of that logit, n.
            cost: relative, n.
        """
        saves = self._objectives.cost.worth(cost)
        found = [log_improvement(mean, sd, saves, strips) for strips in self._drawn]
        return np.asarray(logsumexp(found, axis=0) - math.log(len(found)))

    def worth_of_new(self, mean: float, sd: float, cost: float) -> float:
        """Return the expected gain by the first reading of a configuration, for its cost.

        Arguments as for `log_improvement`, of one configuration.
        """
        change = shrunk(sd, float(self._made.noise.variance(mean)))
        saves = self._objectives.cost.worth([cost])
        return math.exp(float(log_improvement([mean], [change], saves, self._expected)[0])) / cost

    def worth_of_again(self, place: int) -> float:
        """Return the expected gain by another reading of a tried configuration, for its cost."""
        made, cost = self._made, float(self._cost[place])
        mean, sd = float(made.logits[place]), float(made.deviations[place])
        others = np.arange(len(self._cost)) != place
        strips = self._strips(made.score[others], self._cost[others])
        saves = self._objectives.cost.worth([cost, cost])
        change = shrunk(sd, float(made.noise.variance(mean)))
        after, now = np.exp(log_improvement([mean, mean], [change, LEAST], saves, strips))
        return float(after - now) / cost


def shrunk(sd: float, noise: float) -> float:
    """Return the standard deviation of the change of an estimate by one reading.

    Args:
        sd: standard deviation of the estimate.
        noise: variance of the reading.
    """
    return max(sd**2 / math.sqrt(sd**2 + noise), LEAST)
