"""Figure 4 drawn: bubbles of what was trained, and the fronts over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from studies.figures import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, YELLOW, drawing
from studies.paper.figure_4.arms import (
    CORESET,
    CUT,
    DEFAULTS,
    PRUNING,
    RANDOM,
    SIDES,
    TRIM,
    WHOLE,
    family,
)
from studies.paper.report import Curve, Report
from studies.summaries import ArmSummary

COLOURS = {
    CUT: BLUE,
    TRIM: SKY,
    CORESET: GREEN,
    RANDOM: YELLOW,
    PRUNING: "#b3b3b3",
    WHOLE: "#5c5c5c",
}
LARGEST = 480.0
"""Points² of the largest bubble."""
PERFECT = 100.3
"""Where the scale of errors would be infinitely fine, in per cent."""
ACCURACIES = (10, 30, 50, 70, 80, 85, 90, 93, 95, 96, 97, 98, 99)
COSTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)


def draw(report: Report, path: Path) -> None:
    """Bubbles, the defaults' front as a line, the searched ones over it."""
    longest = max(arm.seconds for arm in report.arms.values())
    fronts = report.curves_of("front")
    searched = [each for each in fronts if each.name not in SIDES]
    with drawing(1, 1, (10.5, 6.6), path) as (figure, (axes,)):
        _scale(axes, report, searched)
        for name, arm in report.arms.items():
            _bubble(axes, arm, COLOURS[family(name)], longest)
        for each in fronts:
            if each.name == DEFAULTS:
                _steps(axes, each, BLUE, 2.2, "--")
        for each, times in zip(searched, report.curves_of("wall")[len(SIDES) :], strict=True):
            _steps(axes, each, ORANGE, 1.3, "-")
            sizes = [0.4 * _area(seconds, longest) for seconds in times.mean]
            axes.scatter(
                each.x, each.mean, sizes, color=ORANGE, marker="D", ec="white", lw=0.7, zorder=6
            )
        axes.set_xlabel("training FLOPs, % of dense training on all data")
        axes.set_ylabel("test accuracy, % (on a scale of errors)")
        axes.grid(axis="both")
        axes.set_title(report.title)
        figure.legend(handles=_legend(longest), loc="outside right center", labelspacing=1.0)


def _scale(axes: Axes, report: Report, searched: Sequence[Curve]) -> None:
    """FLOPs on a log scale; accuracies so that half the error is everywhere as far."""

    def up(percent: NDArray[np.float64]) -> NDArray[np.float64]:
        return -np.log10(np.maximum(PERFECT - percent, 1e-3))

    def down(place: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(PERFECT - 10.0**-place)

    accuracy = [100 * arm.accuracy for arm in report.arms.values()]
    costs = [100 * arm.relative_flops for arm in report.arms.values()]
    for each in searched:
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


def _steps(axes: Axes, front: Curve, colour: str, width: float, dash: str) -> None:
    """A front as what it offers at every price: the best that costs no more."""
    best = np.maximum.accumulate(front.mean)
    axes.step(front.x, best, where="post", color=colour, lw=width, ls=dash, alpha=0.9, zorder=5)


def _legend(longest: float) -> list[Line2D]:
    """Families, fronts, and how long the bubbles are."""

    def dot(label: str, colour: str, area: float) -> Line2D:
        made = Line2D([], [], ls="", marker="o", mec="white", color=colour, label=label)
        made.set(markersize=float(np.sqrt(area)), alpha=0.7)
        return made

    families = [dot(name, colour, 90) for name, colour in COLOURS.items()]
    fronts = [
        Line2D([], [], color=BLUE, ls="--", lw=2.2, label=f"front of {DEFAULTS}"),
        Line2D([], [], color=ORANGE, marker="D", mec="white", lw=1.6, label="searched fronts"),
    ]
    times = [
        dot(f"{share * longest:.2g} s a training", GREY, _area(share, 1))
        for share in (0.1, 0.4, 1.0)
    ]
    head = Line2D([], [], ls="", color=BLACK, label="")
    return [*families, *fronts, head, *times]
