"""Drawing of figure 4: a bubble for each arm, and the fronts over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from studies.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, YELLOW, drawing
from studies.paper.figure_4.arms import (
    CORESET,
    CUT,
    CUT_K1,
    DEFAULTS,
    PRUNING,
    RANDOM,
    SHORT_DENSE,
    SIDES,
    TRIM,
    WHOLE,
    family,
)
from studies.paper.report import Curve, Report
from studies.summaries import ArmSummary

Numbers = NDArray[np.float64]

COLOURS = {
    CUT: BLUE,
    TRIM: SKY,
    CUT_K1: PURPLE,
    CORESET: GREEN,
    RANDOM: YELLOW,
    PRUNING: "#b3b3b3",
    WHOLE: "#5c5c5c",
}
LARGEST = 480.0
"""Area of the largest bubble, in points²."""
SMALLEST = 26.0
"""Area of the smallest diamond, in points²."""
PERFECT = 100.3
"""Where the scale of errors would be infinitely fine, in per cent."""
ACCURACIES = (10, 30, 50, 70, 80, 85, 90, 93, 95, 96, 97, 98, 98.5, 99, 99.5)
COSTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)


def draw(report: Report, path: Path) -> None:
    """Draw the bubbles, the defaults' front as a line, and the searched fronts over it."""
    longest = max(arm.seconds for arm in report.arms.values())
    fronts = report.curves_of("front")
    searched = [each for each in fronts if each.name not in SIDES]
    with drawing(1, 1, (10.5, 6.6), path) as (figure, (axes,)):
        defaults, shorter = (
            next(each for each in fronts if each.name == side) for side in (DEFAULTS, SHORT_DENSE)
        )
        _scale(axes, report, [defaults, shorter, *searched])
        for name, arm in report.arms.items():
            _bubble(axes, arm, COLOURS[family(name)], longest)
        _fronts(axes, defaults, shorter, searched)
        for each, times in zip(searched, report.curves_of("wall")[len(SIDES) :], strict=True):
            sizes = [max(SMALLEST, 0.3 * _area(each, longest)) for each in times.mean]
            axes.scatter(
                each.x, each.mean, sizes, color=ORANGE, marker="D", ec="white", lw=0.7, zorder=6
            )
        axes.set_xlabel("training FLOPs, % of dense training on all data")
        axes.set_ylabel("test accuracy, % (on a scale of errors)")
        axes.grid(axis="both")
        axes.set_title(report.title)
        figure.legend(handles=_legend(longest), loc="outside right center", labelspacing=1.0)


def _scale(axes: Axes, report: Report, fronts: Sequence[Curve]) -> None:
    """Scale FLOPs by their logarithm, and accuracy so that halving the error is a fixed step."""

    def up(percent: Numbers) -> Numbers:
        return -np.log10(np.maximum(PERFECT - percent, 1e-3))

    def down(place: Numbers) -> Numbers:
        return np.asarray(PERFECT - 10.0**-place)

    accuracy = [100 * arm.accuracy for arm in report.arms.values()]
    costs = [100 * arm.relative_flops for arm in report.arms.values()]
    for each in fronts:
        accuracy += each.mean
        costs += each.x
    axes.set_xscale("log")
    axes.set_xlim(0.8 * min(costs), 1.25 * max(costs))
    axes.set_yscale("function", functions=(up, down))
    low, high = up(np.array([min(accuracy), max(accuracy)]))
    room = 0.06 * (high - low) + 0.01
    axes.set_ylim(*down(np.array([low - room, high + room])))
    for axis, ticks in ((axes.xaxis, COSTS), (axes.yaxis, ACCURACIES)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _area(seconds: float, longest: float) -> float:
    return LARGEST * seconds / longest if longest else LARGEST


def _bubble(axes: Axes, arm: ArmSummary, colour: str, longest: float) -> None:
    axes.scatter(
        [100 * arm.relative_flops],
        [100 * arm.accuracy],
        s=_area(arm.seconds, longest),
        color=colour,
        alpha=0.5,
        edgecolors="white",
        linewidths=0.8,
        zorder=3,
    )


def _fronts(axes: Axes, defaults: Curve, shorter: Curve, searched: Sequence[Curve]) -> None:
    """Draw the best accuracy at every cost: the rivals', and the searches' range and median."""
    ends = [*(each.x for each in (defaults, shorter, *searched)), axes.get_xlim()[1:]]
    costs = np.unique(np.concatenate(ends))
    axes.step(costs, offer(defaults, costs), BLUE, where="post", lw=2.2, ls="--", zorder=5)
    axes.step(costs, offer(shorter, costs), BLACK, where="post", lw=1.8, ls=":", zorder=5)
    found = np.array([offer(each, costs) for each in searched])
    known = np.isfinite(found).all(axis=0)
    found, costs = found[:, known], costs[known]
    axes.step(costs, np.median(found, axis=0), ORANGE, where="post", lw=2.2, zorder=5)
    low, high = found.min(axis=0), found.max(axis=0)
    axes.fill_between(costs, low, high, step="post", color=ORANGE, alpha=0.18, lw=0, zorder=2)


def offer(front: Curve, costs: Numbers) -> Numbers:
    """Return the best accuracy of a front's members within each cost; NaN if there is none."""
    order = np.argsort(front.x)
    best = np.maximum.accumulate(np.array(front.mean)[order])
    places = np.searchsorted(np.array(front.x)[order], costs, side="right") - 1
    return np.where(places >= 0, best[places], np.nan)


def _legend(longest: float) -> list[Line2D]:
    """Return the legend: families, fronts, and the bubbles' seconds."""

    def dot(label: str, colour: str, area: float) -> Line2D:
        made = Line2D([], [], ls="", marker="o", mec="white", color=colour, label=label)
        made.set(markersize=float(np.sqrt(area)), alpha=0.7)
        return made

    families = [dot(name, colour, 90) for name, colour in COLOURS.items()]
    fronts = [
        Line2D([], [], color=BLUE, ls="--", lw=2.2, label=f"front of {DEFAULTS}"),
        Line2D([], [], color=BLACK, ls=":", lw=1.8, label=SHORT_DENSE),
        Line2D([], [], color=ORANGE, marker="D", mec="white", lw=2.2, label="searched fronts"),
    ]
    times = [
        dot(f"{share * longest:.2g} s a training", GREY, _area(share, 1))
        for share in (0.1, 0.4, 1.0)
    ]
    head = Line2D([], [], ls="", color=BLACK, label="")
    return [*families, *fronts, head, *times]
