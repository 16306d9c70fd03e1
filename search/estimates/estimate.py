"""Scores of configurations over seeds, with their uncertainty, from noisy readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, stdtrit
from threadpoolctl import threadpool_limits

from search.estimates.noise import SAMPLES, SeedNoise, prior, seed_noise
from search.estimates.surface import Distances, condition, covariance, fit

Array = NDArray[np.float64]
FEWEST = 8
"""Configurations that a surface is fitted to; fewer are estimated one by one."""
MOST = 300
"""The most configurations on a surface: those nearest to the front."""
MOST_FITTED = 80
"""The most configurations that hyperparameters are fitted to; the time grows with their cube."""
DEPTH = 6.0
"""Configurations farther below the front than this, in logits, count as so far below it."""
TOP = 0.9
"""Quantile of the scores at which the noise has its prior height."""
PASSES = 4
DEGREES = 8.0
"""Degrees of freedom of the noise: of a hundred trainings, a few are far off."""
DRAWS = 1000
"""Joint draws from which probabilities are counted."""
GRID = 1000
"""Logits whose scores are computed; those of draws lie between, within 1e-5."""
FAR = 4.0
"""Standard errors from which on a configuration behind others cannot be on the front."""
JITTER = 1e-9
LEVEL = 0.9
"""Of the intervals."""
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
    landscape, expected = _Landscape(known, read), read
    for _ in range(PASSES):  # the noise depends on the score, and the estimated score on the noise
        noise = seed_noise(expected[again], squares, counts[again] - 1, before)
        mean, cov, expected = landscape.given(noise.variance(expected) / counts)
    deviation = np.sqrt(np.diag(cov))
    near, draws = _draws(mean, cov, known.costs, noise)
    half = stdtrit(noise.freedom(mean), (1 + LEVEL) / 2) * deviation  # Student's t
    seeds = np.sqrt(noise.variance(mean))
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


class _Landscape:
    """True logits of k configurations, on a surface near the front and one by one elsewhere.

    Args:
        known: costs and settings of the configurations.
        read: mean of the logits of each one's readings, k.
    """

    def __init__(self, known: Evidence, read: Array) -> None:
        self._known, self._read = known, read
        self._places, self._floor = _on_surface(known, read)
        count = len(self._places)
        self._some = np.linspace(0, count - 1, min(count, MOST_FITTED)).round().astype(int)
        self._logs: Array | None = None
        self._single = np.array([len(known.readings[place]) == 1 for place in self._places])
        self._doubts = np.ones(count)

    @cached_property
    def _away(self) -> Distances:
        known, places = self._known, self._places
        return Distances.between(known.features[places], known.costs[places])

    def given(self, variances: Array) -> tuple[Array, Array, Array]:
        """Return mean, covariance and expectation, k, k × k and k, given the readings' noise.

        A single reading far above what the others let expect is luck rather than merit: there the
        noise is taken to follow Student's t (see `DEGREES`), its variance being higher the next
        time. Another reading tells.

        The expectation of each is that by the others alone. The noise is judged by it: by its own
        lucky reading, a configuration near collapse would pass for a safe one.

        Args:
            variances: of the mean of each one's readings, k.
        """
        places, read = self._places, self._read
        mean, cov, expected = read.copy(), np.diag(variances), read.copy()
        if len(places) < FEWEST:
            return mean, cov, expected
        values = np.maximum(read, self._floor)[places]
        level, spread = values.mean(), max(float(values.std()), 1e-3)
        values, noise = (values - level) / spread, self._doubts * variances[places] / spread**2
        some = self._some
        self._logs = fit(self._away.some(some), values[some], noise[some], self._logs)
        found = condition(covariance(self._away, self._logs), values, noise)
        lucky = self._single & (values > found.without)
        doubts = np.maximum((DEGREES + found.surprise) / (DEGREES + 1), 1)
        self._doubts = np.where(lucky, doubts, 1.0)
        deep = read[places] < self._floor[places]
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
    logits = mean[near] + normal @ factor.T
    low, high = logits.min(), logits.max() + JITTER
    table = mean_score(np.linspace(low, high, GRID), noise)
    place, part = np.divmod((logits - low) * ((GRID - 1) / (high - low)), 1)
    place = place.astype(np.intp)
    return near, table[place] * (1 - part) + table[place + 1] * part


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
