"""Paired differences over seeds, their bootstrap intervals, and the share of collapsed runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Verdict = Literal["yes", "no", "not decided"]

RESAMPLES = 10_000
COLLAPSE_MARGIN = 0.05


@dataclass(frozen=True)
class Interval:
    """Mean over seeds with its bootstrap interval."""

    mean: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or −1 if the whole interval is on that side of 0; else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def scaled(self, factor: float) -> Interval:
        """Return the interval times a factor; a negative one swaps its ends."""
        ends = sorted((factor * self.low, factor * self.high))
        return Interval(factor * self.mean, *ends)


def bootstrap_mean(values: ArrayLike, *, level: float = 0.95, seed: int = 0) -> Interval:
    """Return the mean and its percentile interval over 10,000 resamples of the values.

    The resampled indices depend only on the number of values and the seed.

    Args:
        values: one value a seed (already a difference, where pairs are compared).
        level: nominal coverage; with fewer than about ten values the interval is too narrow.
        seed: of the resampling.
    """
    found = np.asarray(values, dtype=np.float64)
    places = np.random.default_rng(seed).integers(0, len(found), size=(RESAMPLES, len(found)))
    tail = 50 * (1 - level)
    low, high = np.percentile(found[places].mean(axis=1), [tail, 100 - tail])
    return Interval(float(found.mean()), float(low), float(high))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Return the mean of ours − theirs, paired seed by seed.

    Raises:
        ValueError: the two differ in length.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} values against {len(theirs)}: pairs are needed")
    return bootstrap_mean(np.subtract(ours, theirs))


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
