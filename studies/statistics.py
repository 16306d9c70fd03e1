"""Paired differences over seeds, their intervals, and the share of collapsed runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

Verdict = Literal["yes", "no", "not decided"]

COLLAPSE_MARGIN = 0.05


@dataclass(frozen=True)
class Interval:
    """Mean over seeds with its interval.

    Attributes:
        mean: over the values.
        low, high: ends of the interval.
        values: one a seed, in their order; empty for records from before values were kept.
    """

    mean: float
    low: float
    high: float
    values: Sequence[float] = ()

    @property
    def sign(self) -> int:
        """1 or −1 if the whole interval is on that side of 0; else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def scaled(self, factor: float) -> Interval:
        """Return the interval times a factor; a negative one swaps its ends."""
        low, high = sorted((factor * self.low, factor * self.high))
        return Interval(factor * self.mean, low, high, [factor * each for each in self.values])


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Return the mean and its interval by Student's t distribution.

    With 5 to 20 values it covers the mean more often than bootstrap intervals do, which are too
    narrow then (``bench/intervals.py`` measures it). Where one value in ten or fewer is far off,
    small samples often have none of these, and no interval covers as often as it should.

    Args:
        values: one value a seed (already a difference, where pairs are compared); the interval of
            a single value is that value.
        level: nominal coverage.
    """
    found = np.asarray(values, dtype=np.float64)
    mean, count = float(found.mean()), len(found)
    half = 0.0
    if count > 1:
        quantile = float(stats.t.ppf((1 + level) / 2, count - 1))
        half = quantile * float(found.std(ddof=1)) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, found.tolist())


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Return the mean of ours − theirs, paired seed by seed.

    Raises:
        ValueError: the two differ in length.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} values against {len(theirs)}: pairs are needed")
    return mean_interval(np.subtract(ours, theirs))


def verdict(gain: Interval, least: float) -> Verdict:
    """Decide whether a claimed gain holds.

    Args:
        gain: as measured, above 0 if the claim is right.
        least: the smallest gain that counts, fixed beforehand.

    Returns:
        ``yes`` if the whole interval is above 0; ``no`` if all of it is below ``least``, so that
        any gain there may be is too small to count; else ``not decided``.
    """
    if gain.low > 0:
        return "yes"
    return "no" if gain.high < least else "not decided"


def not_worse(gain: Interval, least: float) -> Verdict:
    """Decide whether something is as good as something else.

    Args:
        gain: as measured, below 0 if it is worse.
        least: the smallest loss that counts, fixed beforehand.

    Returns:
        ``yes`` if the whole interval is above −``least``, so that any loss there may be is too
        small to count; ``no`` if all of it is below 0; else ``not decided``.
    """
    if gain.low > -least:
        return "yes"
    return "no" if gain.high < 0 else "not decided"


def collapse_threshold(*single_removals: Sequence[float]) -> float:
    """Return the accuracy below which a run counts as collapsed.

    It is five points below the lowest median of the arms in which only one thing was removed,
    weights or samples: neither removal alone explains such a fall.
    """
    return min(float(np.median(each)) for each in single_removals) - COLLAPSE_MARGIN


def collapse_rate(accuracies: Sequence[float], threshold: float) -> float:
    """Return the share of the runs below the threshold."""
    return float(np.mean(np.asarray(accuracies) < threshold))


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation over seeds (n − 1); 0 for a single seed."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
