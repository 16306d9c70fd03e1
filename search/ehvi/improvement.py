"""Expected hypervolume improvement where the cost is known and accuracy alone is not.

A front covers, at every height u (accuracy), the saved FLOPs up to S(u), those of the cheapest
point at least as accurate. A point that saves s and has accuracy A covers the heights up to A, so

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

from search.pareto import front
from search.tables import STANDARD, Objectives

Array = NDArray[np.float64]
STEP = 0.1
"""Between two edges at most, in logits: what is linear between them is within 1.3e-4 of them."""
FAR = 1e6
"""Standard deviations below which the tail's series is exact to the last digit."""
NEAREST = 1e-4
"""Accuracies are told apart from 0 and 1 up to there."""


@dataclass(frozen=True)
class Strips:
    """A front, cut at its heights.

    Attributes:
        edges: k + 1 values of T, rising; the last may be infinite.
        slopes: of height over T in each of the k strips, at least 0.
        covered: saved FLOPs that the front covers in each, in [0, 1].
    """

    edges: Array
    slopes: Array
    covered: Array


def saved(relative_flops: ArrayLike, axes: Objectives = STANDARD) -> Array:
    """FLOPs saved, on the axis of `search.pareto.hypervolume`, in [0, 1]."""
    share = np.log10(np.asarray(relative_flops, dtype=float))
    return np.asarray(np.clip(share / math.log10(axes.least_relative_flops), 0, 1))


def linear_strips(
    accuracy: ArrayLike, relative_flops: ArrayLike, axes: Objectives = STANDARD
) -> Strips:
    """The strips of a front for an accuracy that is itself Gaussian.

    Args:
        accuracy: of n points, in [0, 1]; those that are dominated count for nothing.
        relative_flops: of the same.
        axes: where heights and savings begin and end.
    """
    heights, covered = _staircase(accuracy, relative_flops, axes)
    worst = axes.reference_accuracy
    slopes = np.full(len(covered), 1 / (1 - worst))
    return Strips(np.append(heights, np.inf), slopes, covered)


def logistic_strips(
    accuracy: ArrayLike, relative_flops: ArrayLike, axes: Objectives = STANDARD
) -> Strips:
    """The strips of a front for an accuracy whose logit is Gaussian.

    Between the heights of the front there are edges enough that accuracy is linear between them
    (see `STEP`). Args as `linear_strips`.
    """
    heights, covered = _staircase(accuracy, relative_flops, axes)
    ends = logit(np.clip(np.append(heights, 1), NEAREST, 1 - NEAREST))
    steps = np.maximum(1, np.ceil(np.diff(ends) / STEP)).astype(int)
    parts = [
        np.linspace(ends[place], ends[place + 1], count, endpoint=False)
        for place, count in enumerate(steps)
    ]
    edges = np.concatenate([*parts, ends[-1:]])
    width = np.diff(edges)
    rise = np.diff(expit(edges)) / (1 - axes.reference_accuracy)
    slopes = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0)
    return Strips(edges, slopes, np.repeat(covered, steps))


def log_improvement(mean: ArrayLike, sd: ArrayLike, saves: ArrayLike, strips: Strips) -> Array:
    """The logarithm of what each of n points is expected to add to the hypervolume.

    Args:
        mean: of T, n.
        sd: of T, n, above 0.
        saves: FLOPs saved by each point, n, in [0, 1].
        strips: the front.

    Returns:
        n logarithms; −∞ where a point is covered however accurate it is.
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
    """log(φ(z) + z Φ(z)), the expected improvement of a standard Gaussian by z; −∞ at −∞."""
    density = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    near = np.maximum(z, -1.0)
    above = np.log(np.exp(-0.5 * near**2) / math.sqrt(2 * math.pi) + near * np.exp(log_ndtr(near)))
    below = np.clip(z, -FAR, -1.0)
    mills = math.sqrt(math.pi / 2) * erfcx(-below / math.sqrt(2))
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = np.where(z < -1e3, -2 * np.log(-below), np.log1p(below * mills))
    return np.where(z > -1, above, density + tail)


def _staircase(
    accuracy: ArrayLike, relative_flops: ArrayLike, axes: Objectives
) -> tuple[Array, Array]:
    """Heights at which a front's covered savings change, from the reference up, and these.

    The first saving is covered from the first height to the second, and so on; above the last
    height nothing is covered.
    """
    up, down = np.asarray(accuracy, dtype=float), np.asarray(relative_flops, dtype=float)
    members = [place for place in front(up, down) if up[place] > axes.reference_accuracy]
    heights = np.append(axes.reference_accuracy, up[members])
    covered = np.append(saved(down[members], axes), 0.0)
    return heights, covered
