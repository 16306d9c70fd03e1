"""Parts of a plot: panels with axes, and marks in them.

A plot is composed of these once. Plotly (`search.plots.interactive`) and matplotlib
(`search.plots.still`) both draw it. A number that is not finite leaves a gap in a line, and no
point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from search.plots.theme import BLUE, PAPER

Range = tuple[float, float]
Symbol = Literal["circle", "x", "diamond", "star", "square", "triangle-up", "none"]
SIDES = {"left": -1, "center": 0, "right": 1, "bottom": -1, "middle": 0, "top": 1}
"""Words of a label's position, as ``top left`` or ``middle center``."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Axis of a panel.

    Attributes:
        title: name of the quantity, with its unit.
        bounds: the two ends, as log10 on a log axis; None for the range of the marks.
        ticks: labelled values and their texts; None leaves them to the renderer.
        log: whether the axis is logarithmic.
        grid: whether to draw a line along the axis and lines through its ticks.
        tilted: whether to tilt the ticks' texts, for long ones.
    """

    title: str = ""
    bounds: Range | None = None
    ticks: Mapping[float, str] | None = None
    log: bool = False
    grid: bool = True
    tilted: bool = False


@dataclass(frozen=True, kw_only=True)
class Points:
    """Markers that share a look.

    Attributes:
        x, y: coordinates.
        name: in the legend; empty for none.
        sizes: diameters in pixels, one for all or one each.
        labels: texts beside the markers and their positions, as ``("dense", "top left")``.
        hover: text of each marker under the pointer, in HTML.
        trials: trial number of each marker, if the markers are trials.
        ends: lower and upper end of a vertical bar through each marker, if there are bars.
        end_colour: colour of the bars.
    """

    x: Sequence[float]
    y: Sequence[float]
    name: str = ""
    colour: str = BLUE
    symbol: Symbol = "circle"
    edge: str = PAPER
    opacity: float = 1.0
    sizes: float | Sequence[float] = 7.0
    labels: Sequence[tuple[str, str]] = ()
    hover: Sequence[str] = ()
    trials: Sequence[int] = ()
    ends: Sequence[Range] = ()
    end_colour: str = BLUE


@dataclass(frozen=True, kw_only=True)
class Line:
    """Line with gaps at numbers that are not finite.

    Attributes:
        x, y: coordinates of the corners.
        name: in the legend; empty for none.
        dash: style of the stroke.
        dotted: whether the legend shows a marker on the line, for a line through points.
        hover: text of each corner under the pointer, in HTML.
    """

    x: Sequence[float]
    y: Sequence[float]
    name: str = ""
    colour: str = BLUE
    width: float = 2.0
    opacity: float = 1.0
    dash: Literal["solid", "dot"] = "solid"
    dotted: bool = False
    hover: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Horizontal bars, each stacked on the earlier bars at the same y.

    Attributes:
        y: positions.
        lengths: along x.
        name: in the legend; empty for none.
        texts: at the ends of the bars.
        hover: text of each bar under the pointer, in HTML.
    """

    y: Sequence[float]
    lengths: Sequence[float]
    name: str = ""
    colour: str = BLUE
    texts: Sequence[str] = ()
    hover: Sequence[str] = ()


Mark = Points | Line | Bars


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Marks between two axes, those at the back first."""

    marks: Sequence[Mark]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""


BLANK = Panel(marks=(), x=Axis(ticks={}, grid=False), y=Axis(ticks={}, grid=False))
"""Invisible panel."""


@dataclass(frozen=True, kw_only=True)
class Colouring:
    """Colours of trials by one searched setting.

    Attributes:
        name: dotted path of the setting.
        colours: by trial number, of the trials that have the setting.
        bar: the colour bar from 0 to 1: positions and colours.
        ticks: positions on the bar and their texts.
    """

    name: str
    colours: Mapping[int, str]
    bar: Sequence[tuple[float, str]]
    ticks: Mapping[float, str]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Plot of a search.

    Attributes:
        key: name among the plots of a search, and stem of the plot's files.
        title: heading of the plot.
        note: line below the title.
        advice: hint for readers of the interactive page; left out on paper.
        panels: row by row.
        columns: panels in a row.
        height: in pixels, at a width of 960.
        empty: the reason to show instead of marks, if there are none.
        runs: MLflow runs of trials, by number.
        colourings: further ways to colour the trials.
    """

    key: str
    title: str
    panels: Sequence[Panel]
    note: str = ""
    advice: str = ""
    columns: int = 1
    height: int = 600
    empty: str = ""
    runs: Mapping[int, str] = field(default_factory=dict)
    colourings: Sequence[Colouring] = ()


def legend(chart: Chart) -> list[Mark]:
    """Return the named marks, each name once: lines and bars first, then points from the front."""
    marks = [mark for panel in chart.panels for mark in panel.marks if mark.name]
    points = [mark for mark in marks if isinstance(mark, Points)]
    others = [mark for mark in marks if not isinstance(mark, Points)]
    return list({mark.name: mark for mark in [*others, *reversed(points)]}.values())


def in_grid(chart: Chart) -> list[tuple[int, int, Panel]]:
    """Return each panel with its row and column, from 1."""
    return [
        (place // chart.columns + 1, place % chart.columns + 1, panel)
        for place, panel in enumerate(chart.panels)
    ]


def rows(chart: Chart) -> int:
    """Return the number of rows of panels."""
    return max(-(-len(chart.panels) // chart.columns), 1)
