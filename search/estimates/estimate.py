"""Scores of configurations over seeds, with their uncertainty, from noisy readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from threadpoolctl import threadpool_limits

from search.estimates.noise import SAMPLES, SeedNoise, prior, seed_noise
from search.estimates.surface import Distances, condition, covariance, fit

Array = NDArray[np.float64]
FEWEST = 8
"""Configurations that a surface is fitted to; fewer are estimated one by one."""
MOST = 300
"""The most configurations on a surface: those nearest to the front."""
MOST_FITTED = 120
"""The most configurations that hyperparameters are fitted to; the time grows with their cube."""
DEPTH = 6.0
"""Configurations farther below the front than this, in logits, count as so far below it."""
TOP = 0.9
"""Quantile of the scores at which the noise has its prior height."""
PASSES = 3
DRAWS = 1000
"""Joint draws from which probabilities are counted."""
FAR = 4.0
"""Standard errors from which on a configuration behind others cannot be on the front."""
JITTER = 1e-9
HALF_WIDTH = 1.6449
"""Standard deviations from the middle to an end of a 90 % interval."""
NODES, WEIGHTS = hermegauss(9)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@dataclass(frozen=True)
class Evidence:
    """What is known of k configurations.

    Attributes:
        features: settings as numbers in [0, 1], k × features; NaN for a configuration outside the
            search space, which is estimated by itself.
        costs: relative, above 0, k.
        readings: scores in [0, 1] of each configuration's trainings, k sequences.
        samples: size of the validation set; None if it is unknown.
    """

    features: Array
    costs: Array
    readings: Sequence[Sequence[float]]
    samples: int | None = None


@dataclass(frozen=True)
class Estimates:
    """Estimates of the mean score over seeds of k configurations.

    Attributes:
        score: k, in [0, 1].
        error: standard error of each, k.
        low, high: ends of the 90 % interval, k.
        front: probability that no other configuration dominates it, k.
        spread: standard deviation between seeds, k.
        logits, deviations: means and standard errors of the logits of a typical seed, k.
        noise: variance between seeds, in logits.
        near: places of the c configurations that are on the front or may be.
        draws: joint draws of their scores, `DRAWS` × c.
    """

    score: Array
    error: Array
    low: Array
    high: Array
    front: Array
    spread: Array
    logits: Array
    deviations: Array
    noise: SeedNoise
    near: NDArray[np.intp]
    draws: Array


def estimate(known: Evidence) -> Estimates:
    """Estimate the mean score over seeds of at least one configuration.

    A reading is a noisy view of it. The best readings are those with lucky seeds, so that an
    estimate moves towards what similar configurations of similar cost have shown, by as much as
    its readings are uncertain.
    """
    with threadpool_limits(1):  # matrices are small, and cores may be busy
        return _estimate(known)


def _estimate(known: Evidence) -> Estimates:
    counts = np.array([len(each) for each in known.readings])
    pairs = [to_logits(each, known.samples) for each in known.readings]
    read = np.array([each.mean() for each in pairs])
    again = counts > 1
    squares = np.array([each.var(ddof=1) for each in pairs if len(each) > 1])
    before = prior(float(np.quantile(read, TOP)), known.samples)
    expected = read
    for _ in range(PASSES):  # the noise depends on the score, and the estimated score on the noise
        noise = seed_noise(expected[again], squares, counts[again] - 1, before)
        mean, cov, expected = _posterior(known, read, noise.variance(expected) / counts)
    deviation = np.sqrt(np.diag(cov))
    near, draws = _draws(mean, cov, known.costs, noise)
    half, seeds = HALF_WIDTH * deviation, np.sqrt(noise.variance(mean))
    return Estimates(
        score=mean_score(mean, noise),
        error=(mean_score(mean + deviation, noise) - mean_score(mean - deviation, noise)) / 2,
        low=mean_score(mean - half, noise),
        high=mean_score(mean + half, noise),
        front=_on_front(near, draws, known.costs),
        spread=(expit(mean + seeds) - expit(mean - seeds)) / 2,
        logits=mean,
        deviations=deviation,
        noise=noise,
        near=near,
        draws=draws,
    )


def to_logits(scores: ArrayLike, samples: int | None) -> Array:
    """Return logits of scores; half a validation sample keeps those of 0 and 1 finite."""
    count = samples or SAMPLES
    return np.asarray(logit((np.asarray(scores, dtype=float) * count + 0.5) / (count + 1)))


def mean_score(logits: ArrayLike, noise: SeedNoise) -> Array:
    """Return the mean score over seeds whose logits vary about some."""
    found = np.asarray(logits, dtype=float)
    spread = np.sqrt(noise.variance(found))
    return np.asarray(expit(found[..., None] + spread[..., None] * NODES) @ WEIGHTS)


def _posterior(known: Evidence, read: Array, variances: Array) -> tuple[Array, Array, Array]:
    """Return mean, covariance and expectation of the true logits, k, k × k and k.

    The expectation of each is that by the others alone. The noise is judged by it: by its own
    lucky reading, a configuration near collapse would pass for a safe one.
    """
    mean, cov, expected = read.copy(), np.diag(variances), read.copy()
    places, floor = _on_surface(known, read)
    if len(places) >= FEWEST:
        values = np.maximum(read, floor)[places]
        level, spread = values.mean(), max(float(values.std()), 1e-3)
        values, noise = (values - level) / spread, variances[places] / spread**2
        away = Distances.between(known.features[places], known.costs[places])
        some = np.linspace(0, len(places) - 1, min(len(places), MOST_FITTED)).round().astype(int)
        logs = fit(away.some(some), values[some], noise[some])
        found = condition(covariance(away, logs), values, noise)
        deep = read[places] < floor[places]
        mean[places] = np.where(deep, read[places], level + spread * found.mean)
        expected[places] = np.where(deep, read[places], level + spread * found.without)
        cov[np.ix_(places, places)] = spread**2 * found.covariance
    return mean, cov, expected


def _on_surface(known: Evidence, read: Array) -> tuple[NDArray[np.intp], Array]:
    """Return the places of those on the surface, in order, and the floor of the values at each."""
    order = np.lexsort((-read, known.costs))
    best = np.empty(len(read))
    best[order] = np.maximum.accumulate(read[order])
    places = np.flatnonzero(~np.isnan(known.features).all(axis=1))
    if len(places) > MOST:
        gaps = (best - read)[places]
        places = np.sort(places[np.argsort(gaps, kind="stable")[:MOST]])
    return places, best - DEPTH


def _draws(
    mean: Array, cov: Array, costs: Array, noise: SeedNoise
) -> tuple[NDArray[np.intp], Array]:
    """Return the places of those near the front, and joint draws of their scores over seeds."""
    deviation = np.sqrt(np.diag(cov))
    order = np.lexsort((-mean, costs))
    sure = np.maximum.accumulate((mean - FAR * deviation)[order])
    near = np.sort(order[(mean + FAR * deviation)[order] >= sure])
    factor = np.linalg.cholesky(cov[np.ix_(near, near)] + JITTER * np.eye(len(near)))
    normal = np.random.default_rng(0).standard_normal((DRAWS, len(near)))
    return near, mean_score(mean[near] + normal @ factor.T, noise)


def _on_front(near: NDArray[np.intp], draws: Array, costs: Array) -> Array:
    """Return the probability of each configuration that none is better for no more cost."""
    _, group = np.unique(costs[near], return_inverse=True)
    best = np.full((len(draws), group.max() + 1), -np.inf)
    np.maximum.at(best.T, group, draws.T)
    cheaper = np.maximum.accumulate(best, axis=1)
    cheaper = np.concatenate([np.full((len(draws), 1), -np.inf), cheaper[:, :-1]], axis=1)
    found = np.zeros(len(costs))
    found[near] = ((draws >= best[:, group]) & (draws > cheaper[:, group])).mean(axis=0)
    return found
