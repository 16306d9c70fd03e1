"""Gaussian process over configurations and their cost, conditioned on noisy values.

A value is a smooth function of the configuration, plus a smooth function of the logarithm of its
cost, plus a deviation of its own, all three part of the truth; and noise of a known variance. The
five hyperparameters are the most probable ones. Rasmussen and Williams, Gaussian Processes for
Machine Learning, 2006, chapters 2 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

Array = NDArray[np.float64]
PRIORS = np.array(
    [
        [math.log(0.5), 1.0],  # variance of the function of the configuration
        [math.log(0.8), 0.7],  # its length, over the root mean square distance
        [math.log(0.5), 1.0],  # variance of the function of the cost
        [math.log(0.8), 0.7],  # its length, over the root mean square distance
        [math.log(0.05), 1.5],  # variance of a configuration's own deviation
    ]
)
"""Mean and standard deviation of each one's logarithm, for values of variance 1."""
LEAST = 1e-6
"""The least variance."""


@dataclass(frozen=True)
class Distances:
    """Squared distances between n points, over their mean.

    Attributes:
        settings: between configurations, n × n.
        costs: between logarithms of costs, n × n.
    """

    settings: Array
    costs: Array

    @classmethod
    def between(cls, features: Array, costs: Array) -> Distances:
        """Return those of n configurations, n × features, with relative costs above 0, n."""
        logs = np.log(costs)[:, None]
        return cls(_squares(features), _squares(logs))

    def some(self, places: Array) -> Distances:
        """Return those between some of the points."""
        return Distances(self.settings[np.ix_(places, places)], self.costs[np.ix_(places, places)])


def _squares(rows: Array) -> Array:
    norms = (rows**2).sum(axis=1)
    found = np.maximum(norms[:, None] + norms[None] - 2 * rows @ rows.T, 0)
    return np.asarray(found / max(float(found.mean()), LEAST))


def fit(away: Distances, values: Array, variances: Array, start: Array | None = None) -> Array:
    """Return the logarithms of the most probable hyperparameters.

    Args:
        away: distances between n points.
        values: n, of mean 0 and variance 1.
        variances: of their noise, n.
        start: logarithms to begin with; by default those that the priors expect.
    """
    eye = np.eye(len(values))

    def loss(logs: Array) -> tuple[float, Array]:
        """Return the negative log posterior density, and its gradient."""
        parts = components(away, logs)
        total = sum(parts) + np.diag(variances + LEAST)
        factor = cho_factor(total, lower=True)
        inverse = cho_solve(factor, eye)
        weights = inverse @ values
        off = (logs - PRIORS[:, 0]) / PRIORS[:, 1]
        found = weights @ values / 2 + np.log(np.diag(factor[0])).sum() + off @ off / 2
        length, cost_length = np.exp(logs[[1, 3]])
        one, other, own = parts
        slopes = (one, one * away.settings / length**2, other, other * away.costs / cost_length**2)
        change = np.outer(weights, weights) - inverse
        gradient = [-(change * each).sum() / 2 for each in (*slopes, own)]
        return float(found), np.array(gradient) + off / PRIORS[:, 1]

    ends = [(-9.0, 5.0)] * len(PRIORS)
    begin = PRIORS[:, 0] if start is None else start
    found = minimize(loss, begin, method="L-BFGS-B", jac=True, bounds=ends)
    return np.asarray(found.x)


def components(away: Distances, logs: Array) -> tuple[Array, Array, Array]:
    """Return the covariances by configuration, by cost, and of deviations, each n × n."""
    scale, length, cost_scale, cost_length, own = np.exp(logs)
    return (
        scale * np.exp(-away.settings / (2 * length**2)),
        cost_scale * np.exp(-away.costs / (2 * cost_length**2)),
        own * np.eye(len(away.costs)),
    )


def covariance(away: Distances, logs: Array) -> Array:
    """Return the covariance of the true values at the points, n × n."""
    return np.asarray(sum(components(away, logs)))


@dataclass(frozen=True)
class Posterior:
    """True values at n points, given noisy ones.

    Attributes:
        mean: n.
        covariance: n × n.
        without: mean at each point given the values at all others, n.
        surprise: squared distance of each value from that mean, over its expectation, n.
    """

    mean: Array
    covariance: Array
    without: Array
    surprise: Array


def condition(prior: Array, values: Array, variances: Array) -> Posterior:
    """Return the true values, given noisy ones.

    Args:
        prior: covariance of the true values, of mean 0, n × n.
        values: as read, n.
        variances: of their noise, n.
    """
    factor = cho_factor(prior + np.diag(variances + LEAST))
    inverse = cho_solve(factor, np.eye(len(values)))
    weights = inverse @ values
    cov = prior - prior @ inverse @ prior
    precision = np.diag(inverse)
    without = values - weights / precision
    return Posterior(prior @ weights, cov, without, weights**2 / precision)
