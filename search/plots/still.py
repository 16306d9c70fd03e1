"""The Pareto plot as a PNG, by matplotlib: Plotly's would need a browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke

from search.plots.picture import (
    BLUE,
    EMPTY,
    FADED,
    FRONT,
    GRID,
    PAPER,
    SIDES,
    X_TITLE,
    Y_TITLE,
    Picture,
    Series,
    compose,
    one_line,
    point,
    x_ticks,
)
from search.records import TrialRecord
from swast.files import replacing

MARKERS = {"circle": "o", "x": "X", "diamond": "D"}
MARKERS |= {"star": "*", "square": "s", "triangle-up": "^"}
"""Symbols: Plotly's names, and matplotlib's."""


def write_png(trials: Sequence[TrialRecord], title: str, path: Path) -> None:
    """Write the plot as a still image, 1200 × 750 pixels, in place of what was there."""
    picture = compose(trials)
    figure = Figure(figsize=(8, 5), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.07))
    axes = figure.add_subplot()
    axes.plot(10 ** picture.line[:, 0], picture.line[:, 1], color=BLUE, linewidth=1.5)
    if len(picture.line):
        axes.plot([], [], "-o", color=BLUE, label=FRONT)
    else:
        axes.text(0.5, 0.5, EMPTY, transform=axes.transAxes, ha="center")
    for depth, series in enumerate(picture.series):
        _scatter(axes, series, picture, 10 + len(picture.series) - depth)
    _finish(axes, picture, one_line(title))
    if picture.series:
        figure.legend(
            loc="outside lower center",
            ncols=min(len(picture.series) + 1, 4),
            frameon=False,
            fontsize=9,
        )
    with replacing(path) as file:
        figure.savefig(file, format="png")


def _scatter(axes: Axes, series: Series, picture: Picture, zorder: int) -> None:
    """Draw a series and its labels; 0.7 makes points of pixels."""
    axes.scatter(
        [trial.relative_flops or math.nan for trial in series.trials],
        [point(trial)[1] for trial in series.trials],
        s=[(0.7 * picture.sizes[trial.number]) ** 2 for trial in series.trials],
        c=series.colour,
        marker=MARKERS[series.symbol],
        alpha=series.opacity,
        linewidths=0.8,
        edgecolors=series.edge,
        zorder=zorder,
        label=None if series.name == FRONT else _plain(series.name),
    )
    for trial in series.trials:
        if trial.number in picture.labels:
            text, place = picture.labels[trial.number]
            row, column = place.split()
            reach = 0.35 * picture.sizes[trial.number] + 1
            axes.annotate(
                _plain(text),
                (trial.relative_flops or math.nan, point(trial)[1]),
                (SIDES[column] * reach, SIDES[row] * reach),
                textcoords="offset points",
                ha={"left": "right", "right": "left"}.get(column, "center"),
                va={"top": "bottom", "bottom": "top"}.get(row, "center"),
                fontsize=9,
                zorder=50,
                path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
            )


def _finish(axes: Axes, picture: Picture, title: str) -> None:
    """Set all of the still image that is not data."""
    ticks, (left, right) = x_ticks(picture.frame.x), picture.frame.x
    axes.set(xscale="log", xlim=(10**left, 10**right), ylim=picture.frame.y)
    axes.set(xlabel=X_TITLE, ylabel=Y_TITLE)
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(_plain(title), loc="left", pad=20, fontweight="bold", fontsize=11)
    axes.text(0, 1.02, picture.note, transform=axes.transAxes, color=FADED, fontsize=8.5)


def _plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
