"""Renderer of charts as PNGs, by matplotlib. Plotly would need a browser for that."""

from __future__ import annotations

import warnings
from functools import singledispatch
from pathlib import Path
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from search.plots.chart import (
    SIDES,
    Axis,
    Bars,
    Chart,
    Line,
    Mark,
    Panel,
    Points,
    in_grid,
    legend,
    rows,
)
from search.plots.theme import FADED, GRID, PAPER
from swast.files import replacing

MARKERS = {"circle": "o", "x": "X", "diamond": "D"}
MARKERS |= {"star": "*", "square": "s", "triangle-up": "^", "none": ""}
"""Matplotlib's symbols by Plotly's names."""
DASHES = {"solid": "-", "dot": ":"}
WIDTH, INCH, DPI = 8, 120, 150
"""Width in inches; pixels of a chart to an inch; pixels of the image to an inch."""
POINT = 0.7
"""Points per pixel of a chart."""


def write_png(chart: Chart, path: Path) -> None:
    """Write a chart as a PNG 1200 pixels wide, and replace an earlier file."""
    figure = Figure(
        figsize=(WIDTH, chart.height / INCH),
        dpi=DPI,
        layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.07),
    )
    for row, column, panel in in_grid(chart):
        place = (row - 1) * chart.columns + column
        axes = figure.add_subplot(rows(chart), chart.columns, place)
        _fill(axes, panel)
    if chart.empty:
        figure.text(0.5, 0.5, chart.empty, ha="center")
    _title(figure, chart)
    with replacing(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a box replaces a missing glyph
        figure.savefig(file, format="png")


def _fill(axes: Axes, panel: Panel) -> None:
    """Draw a panel."""
    lefts: dict[float, float] = {}
    for depth, mark in enumerate(panel.marks):
        if isinstance(mark, Bars):
            _stack(axes, mark, lefts)
        else:
            draw(mark, axes, depth + 10)
    _set(axes, "x", panel.x)
    _set(axes, "y", panel.y)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for side, axis in (("bottom", panel.x), ("left", panel.y)):
        axes.spines[side].set(color=FADED, visible=axis.grid)
    if panel.title:
        axes.set_title(plain(panel.title), fontsize=9)


@singledispatch
def draw(mark: Mark, axes: Axes, depth: int) -> None:
    """Draw a mark; one of greater depth is drawn over the others."""
    raise TypeError(mark, axes, depth)


@draw.register
def _(mark: Line, axes: Axes, depth: int) -> None:
    (line,) = axes.plot(mark.x, mark.y, color=mark.colour, zorder=depth)
    line.set(linewidth=0.75 * mark.width, alpha=mark.opacity, linestyle=DASHES[mark.dash])


@draw.register
def _(mark: Points, axes: Axes, depth: int) -> None:
    count = len(mark.x)
    sizes = [mark.sizes] * count if isinstance(mark.sizes, int | float) else mark.sizes
    if mark.symbol != "none":
        axes.scatter(
            mark.x,
            mark.y,
            s=[(POINT * size) ** 2 for size in sizes],
            c=mark.colour,
            marker=MARKERS[mark.symbol],
            alpha=mark.opacity,
            linewidths=0.8 if max(sizes, default=0) > 8 else 0.4,
            edgecolors=mark.edge,
            zorder=depth,
        )
    if mark.ends:
        _bars(axes, mark, depth)
    for x, y, size, (text, place) in zip(mark.x, mark.y, sizes, mark.labels, strict=False):
        if text:
            _label(axes, (x, y), text, place, size)


def _bars(axes: Axes, mark: Points, depth: float) -> None:
    """Draw bars through markers, behind them."""
    lower, upper = zip(*mark.ends, strict=True)
    reach = [
        [y - end for end, y in zip(lower, mark.y, strict=True)],
        [end - y for end, y in zip(upper, mark.y, strict=True)],
    ]
    axes.errorbar(
        mark.x,
        mark.y,
        yerr=reach,
        fmt="none",
        ecolor=mark.end_colour,
        elinewidth=1.1,
        capsize=2.5,
        zorder=depth - 0.5,
    )


def _label(axes: Axes, at: tuple[float, float], text: str, place: str, size: float) -> None:
    """Write a text beside a marker."""
    row, column = place.split()
    reach = POINT * size / 2 + 1
    axes.annotate(
        plain(text),
        at,
        (SIDES[column] * reach, SIDES[row] * reach),
        textcoords="offset points",
        ha={"left": "right", "right": "left"}.get(column, "center"),
        va={"top": "bottom", "bottom": "top"}.get(row, "center"),
        fontsize=9 if size > 8 else 7.5,
        zorder=50,
        path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
    )


def _stack(axes: Axes, mark: Bars, lefts: dict[float, float]) -> None:
    """Draw bars stacked on earlier bars, whose ends are in ``lefts``."""
    starts = [lefts.get(y, 0.0) for y in mark.y]
    bars = axes.barh(mark.y, mark.lengths, left=starts, height=0.7, color=mark.colour)
    for bar in bars:
        bar.set(edgecolor=PAPER, linewidth=0.4)
    for y, start, length in zip(mark.y, starts, mark.lengths, strict=True):
        lefts[y] = start + length
    for y, text in zip(mark.y, mark.texts, strict=False):
        place: dict[str, Any] = {"textcoords": "offset points", "va": "center"}
        axes.annotate(plain(text), (lefts[y], y), (3, 0), fontsize=8, **place)


def _set(axes: Axes, name: Literal["x", "y"], axis: Axis) -> None:
    """Set an axis, ``x`` or ``y``."""
    made: dict[str, Any] = {f"{name}label": plain(axis.title)}
    if axis.log:
        made[f"{name}scale"] = "log"
    if axis.bounds is not None:
        made[f"{name}lim"] = [10**end for end in axis.bounds] if axis.log else axis.bounds
    axes.set(**made)
    side = axes.xaxis if name == "x" else axes.yaxis
    side.label.set_fontsize(8.5)
    if axis.ticks is not None:
        side.set_ticks(list(axis.ticks), [plain(text) for text in axis.ticks.values()])
        side.set_minor_locator(NullLocator())
    if axis.tilted:
        axes.tick_params(name, rotation=25)
        for text in side.get_ticklabels():
            text.set(ha="right", rotation_mode="anchor")
    axes.tick_params(name, labelsize=8, length=3 if axis.grid else 0)
    if axis.grid:
        axes.grid(axis=name, color=GRID)


def _title(figure: Figure, chart: Chart) -> None:
    """Write the title, the note below it, and the legend at the bottom."""
    marks = legend(chart)
    handles = [_handle(mark) for mark in marks]
    if handles:
        places: dict[str, Any] = {"loc": "outside lower center", "ncols": min(len(handles), 4)}
        figure.legend(handles=handles, frameon=False, fontsize=9, **places)
    title = figure.suptitle(plain(chart.title), x=0.01, ha="left", fontweight="bold", fontsize=11)
    title.set_text(f"{plain(chart.title)}\n")
    figure.text(
        0.01, 1 - 36 / chart.height, plain(chart.note), color=FADED, fontsize=8.5, va="top"
    )


def _handle(mark: Mark) -> Line2D | Patch:
    """Return a mark's entry in the legend."""
    name = plain(mark.name)
    if isinstance(mark, Bars):
        return Patch(facecolor=mark.colour, label=name)
    if isinstance(mark, Line):
        marker, dash = "o" if mark.dotted else "", DASHES[mark.dash]
        return Line2D([], [], color=mark.colour, label=name, marker=marker, linestyle=dash)
    marker, edge = MARKERS[mark.symbol], mark.edge
    made = Line2D([], [], color=mark.colour, label=name, linestyle="", marker=marker)
    made.set(markeredgecolor=edge, markersize=7, alpha=mark.opacity)
    return made


def plain(text: str) -> str:
    """Return text that matplotlib does not read as a formula."""
    return text.replace("$", r"\$")
