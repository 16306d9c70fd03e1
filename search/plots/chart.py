"""What a plot is made of: panels with axes, and marks in them.

It is composed once as these, and drawn by Plotly (`search.plots.interactive`) and by matplotlib
(`search.plots.still`) alike. Numbers that are not finite leave a gap in a line, and no point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from search.plots.theme import BLUE, PAPER

Range = tuple[float, float]
Symbol = Literal["circle", "x", "diamond", "star", "square", "triangle-up", "none"]
SIDES = {"left": -1, "center": 0, "right": 1, "bottom": -1, "middle": 0, "top": 1}
"""Where a label is, as ``top left`` or ``middle center``."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis.

    Attributes:
        title: what is measured, with its unit.
        bounds: its ends; of a log axis, their log10. None for those of the marks.
        ticks: labelled values and their texts; None leaves them to the renderer.
        log: whether it is logarithmic.
        grid: whether there is a line along it, and lines through its ticks.
        tilted: whether the ticks' texts are, since they are long.
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
        x, y: where they are.
        name: in the legend; empty for none.
        sizes: diameters in pixels, one for all or one each.
        labels: texts beside them and where, as ``("dense", "top left")``.
        hover: what each says under the pointer, in HTML.
        trials: which trial each is, by number, where it is one.
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


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line, with gaps where its numbers are not finite.

    Attributes:
        x, y: its corners.
        name: in the legend; empty for none.
        dash: how it is stroked.
        dotted: whether its markers are shown in the legend, for a line through points.
        hover: what each corner says under the pointer, in HTML.
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
    """Horizontal bars, each on those drawn before at its place.

    Attributes:
        y: their places.
        lengths: along x.
        name: in the legend; empty for none.
        texts: at their ends.
        hover: what each says under the pointer, in HTML.
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
    """Marks between two axes, the farthest first."""

    marks: Sequence[Mark]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""


BLANK = Panel(marks=(), x=Axis(ticks={}, grid=False), y=Axis(ticks={}, grid=False))
"""A panel of which nothing is seen."""


@dataclass(frozen=True, kw_only=True)
class Colouring:
    """Colours of trials by one searched setting.

    Attributes:
        name: of the setting.
        colours: by trial number, of those that have it.
        bar: the colour bar from 0 to 1: places and colours.
        ticks: places on it and their texts.
    """

    name: str
    colours: Mapping[int, str]
    bar: Sequence[tuple[float, str]]
    ticks: Mapping[float, str]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A plot.

    Attributes:
        key: its name among the plots of a search, and of its files.
        title: what it shows.
        note: what a reader needs to know besides.
        advice: what can be done with the page, and not on paper.
        panels: row by row.
        columns: panels in a row.
        height: in pixels, at a width of 960.
        empty: why there is nothing to see, if there is not.
        runs: MLflow runs of trials, by number.
        colourings: by what its trials may be coloured besides.
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
    """The marks that name themselves, each name once: lines and bars first, then the nearest."""
    marks = [mark for panel in chart.panels for mark in panel.marks if mark.name]
    points = [mark for mark in marks if isinstance(mark, Points)]
    others = [mark for mark in marks if not isinstance(mark, Points)]
    return list({mark.name: mark for mark in [*others, *reversed(points)]}.values())


def in_grid(chart: Chart) -> list[tuple[int, int, Panel]]:
    """The panels with their rows and columns, from 1."""
    return [
        (place // chart.columns + 1, place % chart.columns + 1, panel)
        for place, panel in enumerate(chart.panels)
    ]


def rows(chart: Chart) -> int:
    """How many rows of panels there are."""
    return max(-(-len(chart.panels) // chart.columns), 1)
