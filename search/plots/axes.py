"""Ends and ticks of axes, SI units, and positions of labels beside markers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from search.objectives import Cost, Objective
from search.plots.chart import SIDES, Range

PLACES = [f"{row} {column}" for row in ("top", "bottom", "middle") for column in ("left", "right")]
PLACES += ["top center", "bottom center"]
"""Positions of a label around its marker, best first: the area to the top left of a front is
empty."""
PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))

Array = NDArray[np.float64]


def cost_bounds(cost: Cost, values: Sequence[float]) -> Range:
    """Return the ends of the cost's axis, with a margin around values.

    A logarithmic axis spans at least 0.6 decades.

    Args:
        cost: the objective on the axis.
        values: coordinates of trials (see `Objective.place`).
    """
    if cost.log:
        low, high = (min(values), max(values)) if values else (-2.0, 0.0)
        margin = max(0.07 * (high - low), (0.6 - (high - low)) / 2)
    else:
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        margin = max(0.07 * (high - low), 0.05 * max(abs(low), abs(high))) or 0.5
    return low - margin, high + margin


def score_bounds(values: Sequence[float], always: Sequence[float] = ()) -> Range:
    """Return the ends of the score's axis, without values far below the others.

    A value is far below if it is under Tukey's outer fence: the lower quartile minus three times
    the interquartile range, which counts as at least one per cent.

    Args:
        values: coordinates of trials, in per cent.
        always: coordinates that stay on the axis in any case.
    """
    if not values:
        return 0.0, 100.0
    lower, upper = np.percentile(values, [25, 75])
    fence = min([lower - 3 * max(upper - lower, 1.0), *always])
    low, high = min(value for value in values if value >= fence), max(values)
    margin = max(0.07 * (high - low), 0.3)
    return low - margin, high + 1.5 * margin


def log_ticks(bounds: Range) -> dict[float, str]:
    """Return tick values of a log axis and their texts: 1, 0.3, 0.1, never 1e-05."""
    decades = bounds[1] - bounds[0]
    digits = [1] if decades > 4.5 else [1, 3] if decades > 1.5 else [1, 1.5, 2, 3, 5, 7]
    powers = range(math.floor(bounds[0]), math.ceil(bounds[1]))
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    return {
        tick: np.format_float_positional(tick, precision=2, fractional=False, trim="-")
        for tick in ticks
        if bounds[0] <= math.log10(tick) <= bounds[1]
    }


def ticks_of(objective: Objective, bounds: Range) -> dict[float, str]:
    """Return the labelled coordinates of an objective's axis (see `Objective.place`)."""
    if objective.log:
        return {math.log10(tick): text for tick, text in log_ticks(bounds).items()}
    return even_ticks(*bounds)


def even_ticks(low: float, high: float, most: int = 5) -> dict[float, str]:
    """Return round numbers between two ends, about ``most`` of them, and their texts."""
    if high <= low:
        return {low: f"{low:g}"}
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return {place * step: f"{place * step:g}" for place in range(first, last + 1)}


def si_unit(most: float, unit: str) -> tuple[float, str]:
    """Return a factor and a unit with an SI prefix that suit values up to some number."""
    factor, prefix = next((each for each in PREFIXES if most >= each[0]), (1.0, ""))
    return factor, f"{prefix}{unit}"


def place_labels(
    names: Mapping[int, str], at: Mapping[int, Array], sizes: Mapping[int, float], line: Array
) -> dict[int, tuple[str, str]]:
    """Return each label with a position at which it hides as little as possible.

    Args:
        names: texts by trial number.
        at: positions of all markers, as shares of the axes, by trial number.
        sizes: diameters of the markers in pixels.
        line: further positions that labels should not hide, n × 2.
    """
    labels: dict[int, tuple[str, str]] = {}
    taken: list[tuple[Array, Array]] = []
    radii = {number: sizes[number] / np.array([1600, 800]) for number in at}

    def clutter(middle: Array, half: Array) -> int:
        hidden = sum(
            bool((np.abs(at[each] - middle) < half + radii[each]).all()) for each in at
        ) + int((np.abs(line - middle) < half).all(axis=1).sum())
        over = sum(bool((np.abs(middle - it) < half + its).all()) for it, its in taken)
        return hidden + 100 * over + 10_000 * bool((np.abs(middle - 0.5) + half > 0.5).any())

    for number, text in names.items():
        half = np.array([0.0048 * len(text) + 0.003, 0.03])
        reach = 1.01 * (half + radii[number])
        boxes = {
            place: (at[number] + reach * [SIDES[column], SIDES[row]], half)
            for place in PLACES
            for row, column in [place.split()]
        }
        best = min(boxes, key=lambda place: clutter(*boxes[place]))
        taken.append(boxes[best])
        labels[number] = text, best
    return labels
