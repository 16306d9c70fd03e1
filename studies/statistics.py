"""Paired differences over seeds, their bootstrap intervals, and how often a run collapses."""

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
    """A mean over seeds and the interval that a bootstrap gives it."""

    mean: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or −1 where the whole interval is on that side of 0; else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def scaled(self, factor: float) -> Interval:
        """The same in another unit; a negative factor turns it round."""
        ends = sorted((factor * self.low, factor * self.high))
        return Interval(factor * self.mean, *ends)


def bootstrap_mean(values: ArrayLike, *, level: float = 0.95, seed: int = 0) -> Interval:
    """The mean and its percentile interval over 10,000 resamples of the values.

    The resampled places hang on the number of values and the seed alone.

    Args:
        values: one value a seed (already a difference, where pairs are compared).
        level: coverage aimed at; with fewer than ten values or so the interval is too narrow.
        seed: of the resampling.
    """
    found = np.asarray(values, dtype=np.float64)
    places = np.random.default_rng(seed).integers(0, len(found), size=(RESAMPLES, len(found)))
    tail = 50 * (1 - level)
    low, high = np.percentile(found[places].mean(axis=1), [tail, 100 - tail])
    return Interval(float(found.mean()), float(low), float(high))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """The mean of ours − theirs, seed by seed.

    Raises:
        ValueError: the two are not of one length.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} values against {len(theirs)}: pairs are needed")
    return bootstrap_mean(np.subtract(ours, theirs))


def verdict(gain: Interval, least: float) -> Verdict:
    """Whether a claimed gain holds.

    Args:
        gain: measured, above 0 where the claim is right.
        least: the smallest gain worth the name, fixed beforehand.

    Returns:
        ``yes`` where the whole interval is above 0; ``no`` where it is all under ``least``, so
        that what there may be is not worth the name; else ``not decided``.
    """
    if gain.low > 0:
        return "yes"
    return "no" if gain.high < least else "not decided"


def collapse_threshold(*single_removals: Sequence[float]) -> float:
    """The accuracy under which a run counts as collapsed.

    Five points under the lowest of the medians of the arms in which only one thing was removed,
    weights or samples: a fall that neither removal alone explains.
    """
    return min(float(np.median(each)) for each in single_removals) - COLLAPSE_MARGIN


def collapse_rate(accuracies: Sequence[float], threshold: float) -> float:
    """Share of the runs under the threshold."""
    return float(np.mean(np.asarray(accuracies) < threshold))


def spread(values: Sequence[float]) -> float:
    """Standard deviation over seeds (n − 1); 0 for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
