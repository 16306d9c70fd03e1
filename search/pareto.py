"""Pareto dominance, front, hypervolume and knee of a score (more is better) and a cost, in NumPy.

A point dominates another if it is at least as good in both objectives and better in one. Equal
points do not dominate each other: all of them are on the front.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.objectives import STANDARD, Objectives

ROUNDING = 1e-12
LIKELY, POSSIBLE = 0.5, 0.1
"""Probabilities of being on the front from which on a point is a member, or a contender."""
GAP = 0.02
"""Share of the hypervolume that a less likely member must add."""


def dominates(score: float, cost: float, other_score: float, other_cost: float) -> bool:
    """Return whether one point dominates another."""
    at_least = score >= other_score and cost <= other_cost
    return at_least and (score > other_score or cost < other_cost)


def ranks(score: ArrayLike, cost: ArrayLike) -> NDArray[np.int64]:
    """Return the non-dominated rank of every point, in their order; n log n.

    Points that no other dominates have rank 0; without them, the next ones have rank 1; and so on.
    A point that is not finite in both objectives has rank n, behind every other.

    Args:
        score: n numbers, more is better.
        cost: n numbers, less is better.
    """
    up, down = np.asarray(score, dtype=float), np.asarray(cost, dtype=float)
    found = np.full(len(up), len(up), dtype=np.int64)
    finite = np.isfinite(up) & np.isfinite(down)
    tops: list[float] = []  # the best score of each rank so far, negated: rises with rank
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


def front(score: ArrayLike, cost: ArrayLike) -> list[int]:
    """Return the positions of the points that no other dominates, cheapest first; n log n.

    A point that is not finite in both objectives is on no front.

    Args:
        score: n numbers, more is better.
        cost: n numbers, less is better.
    """
    up, down = np.asarray(score, dtype=float), np.asarray(cost, dtype=float)
    order = np.lexsort((-up, down))
    order = order[np.isfinite(up[order]) & np.isfinite(down[order])]
    if not len(order):
        return []
    up, down = up[order], down[order]
    better = np.append(True, up[1:] > np.maximum.accumulate(up)[:-1])  # than all that is cheaper
    leader = np.maximum.accumulate(np.where(better, np.arange(len(order)), 0))
    equal = (up == up[leader]) & (down == down[leader])
    return [int(place) for place in order[equal]]


def hypervolume(score: ArrayLike, cost: ArrayLike, objectives: Objectives = STANDARD) -> float:
    """Return the share of the unit square that a set of points dominates, in [0, 1].

    Each axis runs from the objective's reference (0) to its best value (1), both clipped, on a log
    scale where the objective says so (see `Objective.worth`). For accuracy and training FLOPs that
    is accuracy from the reference accuracy to 1, and log10 of the relative FLOPs from dense
    training (1) to the least relative FLOPs. A point at or beyond a reference adds nothing.

    Args:
        score: n numbers.
        cost: n relative costs; above 0 on a logarithmic axis.
        objectives: the ends of the axes.
    """
    saved, height = objectives.cost.worth(cost), objectives.score.worth(score)
    area, covered = 0.0, 0.0
    members = front(objectives.score.rising(score), -objectives.cost.rising(cost))
    for place in members[::-1]:
        area += max(0.0, saved[place] - covered) * height[place]
        covered = max(covered, saved[place])
    return float(area)


def likely_front(
    score: ArrayLike, cost: ArrayLike, chance: ArrayLike, objectives: Objectives = STANDARD
) -> list[int]:
    """Return the positions of the front of estimated points, cheapest first.

    On it are the points that are likely to be (`LIKELY`). Of many points close to each other, none
    may be. So the point that adds most hypervolume is added, one after another, as long as it adds
    at least a share of it (`GAP`).

    Args:
        score: estimates of n points.
        cost: relative costs of the same.
        chance: probability of each of being on the front.
        objectives: directions, and the ends of the axes.
    """
    up, down, sure = (np.asarray(each, dtype=float) for each in (score, cost, chance))
    found = [int(place) for place in np.flatnonzero(sure >= LIKELY)]
    best_known = front(objectives.score.rising(up), -objectives.cost.rising(down))
    others = {*best_known} - {*found}
    area = hypervolume(up[found], down[found], objectives)
    while others:
        areas = {
            place: hypervolume(up[[*found, place]], down[[*found, place]], objectives)
            for place in sorted(others)
        }
        best = max(areas, key=lambda place: areas[place])
        if areas[best] - area < GAP * areas[best] or areas[best] == area:
            break
        found.append(best)
        others.remove(best)
        area = areas[best]
    return sorted(found, key=lambda place: (-objectives.cost.rising(down)[place], place))


def knee(score: Sequence[float], cost: Sequence[float], objectives: Objectives = STANDARD) -> int:
    """Return the position of the front's knee: the best bargain between its two ends.

    The members whose score is worth something, or all of them if none is, are scaled to the unit
    square (the cost on its own scale). The knee is the point farthest above the straight line from
    the cheapest to the best one. If no point is above that line, the best point is the knee.

    Args:
        score: of at least one point, not all of which need to be on the front.
        cost: relative cost of the same points.
        objectives: directions, scales and the reference score.

    Raises:
        ValueError: no point is finite.
    """
    up, down = objectives.score.rising(score), -objectives.cost.rising(cost)
    members = front(up, down)
    if not members:
        raise ValueError("a knee needs at least one finite point")
    heights = objectives.score.worth(np.asarray(score, dtype=float)[members])
    places = [place for place, height in zip(members, heights, strict=True) if height > 0]
    places = places or members
    saved = np.log10(down[places]) if objectives.cost.log else down[places]
    above = unit(up[places]) - unit(saved)
    if above.max() < ROUNDING:
        return places[-1]
    return places[int(above.argmax())]


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values scaled to [0, 1]; all 0 if they are equal."""
    span = float(np.ptp(values))
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)
