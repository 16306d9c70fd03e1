"""Expected hypervolume improvement where the cost is known and the score is Gaussian.

A front covers, at every height u (score), the savings up to S(u), those of the cheapest point that
scores at least u. A point that saves s and scores A covers the heights up to A, so

    E[improvement] = ∫ max(0, s − S(u)) · P(A > u) du,

and S is constant between two neighbours of the front. If A = g(T) of a Gaussian T, with g linear
between some edges, every strip between two edges t, t' adds a difference of two ordinary expected
improvements, max(0, s − S) · g' · (E[max(0, T − t)] − E[max(0, T − t')]), and the sum is exact.

Emmerich, Giannakoglou, Naujoks, Single- and Multiobjective Evolutionary Optimization Assisted by
Gaussian Random Field Metamodels, 2006; Yang et al., Efficient Computation of Expected Hypervolume
Improvement, 2019 (strips); Daulton et al., Differentiable Expected Hypervolume Improvement, 2020
(objectives that are known). The logarithm without underflow: Ament et al., Unexpected Improvements
to Expected Improvement, 2023.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, expit, log_ndtr, logit, logsumexp

from search.objectives import STANDARD, Objectives
from search.pareto import front

Array = NDArray[np.float64]
STEP = 0.1
"""The largest distance of two edges, in logits: a linear piece is within 1.3e-4 of the curve."""
FAR = 1e6
"""Standard deviations below which the tail's series is exact to the last digit."""
NEAREST = 1e-4
"""Scores closer to 0 or 1 than this are clipped."""


@dataclass(frozen=True)
class Strips:
    """Strips of a front, cut at its heights.

    Attributes:
        edges: k + 1 values of T, rising.
        slopes: of height over T in each of the k strips, at least 0.
        covered: savings that the front covers in each, in [0, 1].
    """

    edges: Array
    slopes: Array
    covered: Array


def linear_strips(score: ArrayLike, cost: ArrayLike, objectives: Objectives = STANDARD) -> Strips:
    """Return the strips of a front for a score that is itself Gaussian.

    A score above the best value is worth no more than the best value, as in the hypervolume.

    Args:
        score: of n points, more is better; dominated ones count for nothing.
        cost: relative cost of the same points.
        objectives: the ends of the axes.
    """
    heights, covered = _staircase(score, cost, objectives)
    worst, best = objectives.score.reference, objectives.score.best
    slopes = np.full(len(covered), 1 / (best - worst))
    return Strips(np.minimum(np.append(heights, best), best), slopes, covered)


def logistic_strips(
    score: ArrayLike, cost: ArrayLike, objectives: Objectives = STANDARD
) -> Strips:
    """Return the strips of a front for a score in [0, 1] whose logit is Gaussian.

    Between two heights of the front the strips are narrow enough for the score to be linear in
    each (see `STEP`). Arguments as for `linear_strips`.
    """
    heights, covered = _staircase(score, cost, objectives)
    ends = logit(np.clip(np.append(heights, 1), NEAREST, 1 - NEAREST))
    steps = np.maximum(1, np.ceil(np.diff(ends) / STEP)).astype(int)
    parts = [
        np.linspace(ends[place], ends[place + 1], count, endpoint=False)
        for place, count in enumerate(steps)
    ]
    edges = np.concatenate([*parts, ends[-1:]])
    width = np.diff(edges)
    worst, best = objectives.score.reference, objectives.score.best
    rise = np.diff(expit(edges)) / (best - worst)
    slopes = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0)
    return Strips(edges, slopes, np.repeat(covered, steps))


def log_improvement(mean: ArrayLike, sd: ArrayLike, saves: ArrayLike, strips: Strips) -> Array:
    """Return the logarithm of the hypervolume that each of n points is expected to add.

    Args:
        mean: of T, n.
        sd: of T, n, above 0.
        saves: savings of each point, n, in [0, 1] (see `Objective.worth`).
        strips: the front.

    Returns:
        n logarithms; −∞ where a point is covered whatever it scores.
    """
    mu, sigma = (np.asarray(each, dtype=float)[:, None] for each in (mean, sd))
    shares = np.maximum(0, np.asarray(saves, dtype=float)[:, None] - strips.covered)
    weights = shares * strips.slopes
    with np.errstate(divide="ignore"):
        parts = np.log(sigma) + log_gain((mu - strips.edges) / sigma)
        upper, lower = parts[:, :-1], np.minimum(parts[:, 1:], parts[:, :-1])
        gap = np.where(np.isneginf(lower), -np.inf, lower - np.where(np.isneginf(upper), 0, upper))
        found = logsumexp(upper + np.log1p(-np.exp(gap)) + np.log(weights), axis=1)
    return np.asarray(found)


def log_gain(z: Array) -> Array:
    """Return log(φ(z) + z Φ(z)), the expected improvement of a standard Gaussian; −∞ at −∞."""
    density = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    near = np.maximum(z, -1.0)
    above = np.log(np.exp(-0.5 * near**2) / math.sqrt(2 * math.pi) + near * np.exp(log_ndtr(near)))
    below = np.clip(z, -FAR, -1.0)
    mills = math.sqrt(math.pi / 2) * erfcx(-below / math.sqrt(2))
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = np.where(z < -1e3, -2 * np.log(-below), np.log1p(below * mills))
    return np.where(z > -1, above, density + tail)


def _staircase(score: ArrayLike, cost: ArrayLike, objectives: Objectives) -> tuple[Array, Array]:
    """Return the heights at which a front's covered savings change, and these savings.

    The first saving is covered from the first height to the second, and so on; above the last
    height nothing is covered.
    """
    up, down = np.asarray(score, dtype=float), np.asarray(cost, dtype=float)
    worst = objectives.score.reference
    members = [place for place in front(up, down) if up[place] > worst]
    heights = np.append(worst, up[members])
    covered = np.append(objectives.cost.worth(down[members]), 0.0)
    return heights, covered
