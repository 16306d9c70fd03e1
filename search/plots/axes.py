"""Where axes end and are labelled, and where labels stand beside markers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from search.objectives import Objective
from search.plots.chart import SIDES, Range

PLACES = [f"{row} {column}" for row in ("top", "bottom", "middle") for column in ("left", "right")]
PLACES += ["top center", "bottom center"]
"""Of a label around its marker, the best first: nothing is to the top left of a front."""
UNITS = ((1e18, "EFLOPs"), (1e15, "PFLOPs"), (1e12, "TFLOPs"), (1e9, "GFLOPs"), (1e6, "MFLOPs"))

Array = NDArray[np.float64]


def x_bounds(values: Sequence[float]) -> Range:
    """Ends of a log axis around values (log10): at least 0.6 decades, and a margin."""
    low, high = (min(values), max(values)) if values else (-2.0, 0.0)
    margin = max(0.07 * (high - low), (0.6 - (high - low)) / 2)
    return low - margin, high + margin


def y_bounds(values: Sequence[float], kept: Sequence[float] = ()) -> Range:
    """Ends of the y axis around values in per cent, without what is far below the others.

    Far is three times the distance between the quartiles below the lower one, Tukey's outer
    fence; the distance counts as at least one per cent. What is in ``kept`` stays in any case.
    """
    if not values:
        return 0.0, 100.0
    lower, upper = np.percentile(values, [25, 75])
    fence = min([lower - 3 * max(upper - lower, 1.0), *kept])
    low, high = min(value for value in values if value >= fence), max(values)
    margin = max(0.07 * (high - low), 0.3)
    return low - margin, high + 1.5 * margin


def log_ticks(bounds: Range) -> dict[float, str]:
    """Where a log axis is labelled, by value, and how: 1, 0.3, 0.1, never 1e-05."""
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
    """Round numbers from one to the other, both at most apart, and their texts."""
    if high <= low:
        return {low: f"{low:g}"}
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return {place * step: f"{place * step:g}" for place in range(first, last + 1)}


def flops_unit(most: float) -> tuple[float, str]:
    """The unit in which FLOPs up to some number are told."""
    return next((unit for unit in UNITS if most >= unit[0]), (1.0, "FLOPs"))


def place_labels(
    names: Mapping[int, str], at: Mapping[int, Array], sizes: Mapping[int, float], line: Array
) -> dict[int, tuple[str, str]]:
    """Put each label, in turn, where it hides the least.

    Args:
        names: texts by trial number.
        at: positions of all markers in shares of the axes, by trial number.
        sizes: their diameters in pixels.
        line: positions that labels should not hide either, n × 2.
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
