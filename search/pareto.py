"""The Pareto front of accuracy (up) against training FLOPs (down), in NumPy alone.

A point dominates another if it is at least as good in both objectives and better in one. Equal
points do not dominate each other: all of them are on the front.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.tables import STANDARD, Objectives

REFERENCE_RELATIVE_FLOPS = 1.0
"""Where the axis of FLOPs ends, see `hypervolume`."""
ROUNDING = 1e-12


def reference_point(axes: Objectives = STANDARD) -> dict[str, float]:
    """The worst corner of the hypervolume: no accuracy at the FLOPs of dense training."""
    return {"accuracy": axes.reference_accuracy, "relative_flops": REFERENCE_RELATIVE_FLOPS}


def dominates(accuracy: float, flops: float, other_accuracy: float, other_flops: float) -> bool:
    """Whether one point dominates another."""
    at_least = accuracy >= other_accuracy and flops <= other_flops
    return at_least and (accuracy > other_accuracy or flops < other_flops)


def ranks(accuracy: ArrayLike, flops: ArrayLike) -> NDArray[np.int64]:
    """The non-dominated rank of every point, in their order; n log n.

    Points that no other dominates have rank 0; without them, the next ones have rank 1; and so on.
    A point that is not finite in both objectives has rank n, behind every other.

    Args:
        accuracy: n numbers, more is better.
        flops: n numbers, less is better.
    """
    up, down = np.asarray(accuracy, dtype=float), np.asarray(flops, dtype=float)
    found = np.full(len(up), len(up), dtype=np.int64)
    finite = np.isfinite(up) & np.isfinite(down)
    tops: list[float] = []  # the best accuracy of each rank so far, negated: rises with rank
    last = -1
    for place in np.lexsort((-up, down)):
        if not finite[place]:
            continue
        if last >= 0 and up[place] == up[last] and down[place] == down[last]:
            found[place] = found[last]
        else:
            rank = bisect_right(tops, -up[place])
            tops[rank : rank + 1] = [-float(up[place])]
            found[place] = rank
        last = place
    return found


def front(accuracy: ArrayLike, flops: ArrayLike) -> list[int]:
    """Positions of the points that no other dominates, by rising FLOPs; n log n.

    A point that is not finite in both objectives is on no front.

    Args:
        accuracy: n numbers, more is better.
        flops: n numbers, less is better.
    """
    up, down = np.asarray(accuracy, dtype=float), np.asarray(flops, dtype=float)
    order = np.lexsort((-up, down))
    order = order[np.isfinite(up[order]) & np.isfinite(down[order])]
    if not len(order):
        return []
    up, down = up[order], down[order]
    better = np.append(True, up[1:] > np.maximum.accumulate(up)[:-1])  # than all that is cheaper
    leader = np.maximum.accumulate(np.where(better, np.arange(len(order)), 0))
    equal = (up == up[leader]) & (down == down[leader])
    return [int(place) for place in order[equal]]


def hypervolume(
    accuracy: ArrayLike, relative_flops: ArrayLike, axes: Objectives = STANDARD
) -> float:
    """The share of the unit square that a set of points dominates, in [0, 1].

    One axis is accuracy, scaled from the reference accuracy (0) to 1; the other is FLOPs saved on
    a log scale: log10 of the relative FLOPs, 0 at dense training (1) and 1 at the least relative
    FLOPs (1e-4, a ten-thousandth of it), both clipped to their ranges. The reference point is the
    reference accuracy at the cost of dense training, so a point that costs as much as dense
    training or more, or is no more accurate than the reference, adds nothing.

    Args:
        accuracy: n numbers in [0, 1].
        relative_flops: n numbers above 0.
        axes: where they begin and end; by default as the numbers in brackets say.
    """
    up, relative = np.asarray(accuracy, dtype=float), np.asarray(relative_flops, dtype=float)
    saved = np.clip(np.log10(relative) / np.log10(axes.least_relative_flops), 0, 1)
    worst = axes.reference_accuracy
    height = np.maximum(up - worst, 0) / (1 - worst)
    area, covered = 0.0, 0.0
    for place in front(up, relative)[::-1]:
        area += max(0.0, saved[place] - covered) * height[place]
        covered = max(covered, saved[place])
    return float(area)


def knee(accuracy: Sequence[float], relative_flops: Sequence[float]) -> int:
    """The position of the front's knee: the best bargain between its two ends.

    The front is scaled to the unit square (accuracy, and log10 of FLOPs); its knee is the point
    farthest above the straight line from the cheapest to the most accurate one. Where none is
    above that line, the most accurate point is the knee.

    Args:
        accuracy: of at least one point, not all of which need to be on the front.
        relative_flops: of the same points.

    Raises:
        ValueError: no point is finite.
    """
    places = front(accuracy, relative_flops)
    if not places:
        raise ValueError("a knee needs at least one finite point")
    up = unit(np.asarray(accuracy, dtype=float)[places])
    down = unit(np.log10(np.asarray(relative_flops, dtype=float)[places]))
    above = up - down
    if above.max() < ROUNDING:
        return places[-1]
    return places[int(above.argmax())]


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values scaled to [0, 1]; all 0 where they are equal."""
    span = float(np.ptp(values))
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)
