"""Renderer of charts as interactive figures, by Plotly."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from search.plots.chart import Axis, Bars, Chart, Line, Mark, Points, in_grid, legend, rows
from search.plots.theme import FADED, GRID, HALO, INK, PAPER
from search.plots.words import escape

FONT = "system-ui, sans-serif"
WIDTH, TOP, BOTTOM, BETWEEN = 960, 84, 96, 84
"""Sizes of a figure in pixels: width, margins at top and bottom, space between panels."""
LEGEND = {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom"}


def figure(chart: Chart) -> go.Figure:
    """Return a chart as a Plotly figure."""
    count = rows(chart)
    inner = max(chart.height - _top(chart) - BOTTOM, 1)
    made = make_subplots(
        rows=count,
        cols=chart.columns,
        subplot_titles=[escape(panel.title) for panel in chart.panels],
        horizontal_spacing=min(72 / WIDTH, 0.9 / chart.columns),
        vertical_spacing=min(BETWEEN / inner, 0.9 / count),
    )
    for row, column, panel in in_grid(chart):
        for mark in panel.marks:
            made.add_trace(trace(mark), row=row, col=column)
        made.update_xaxes(_axis(panel.x), row=row, col=column)
        made.update_yaxes(_axis(panel.y), row=row, col=column)
    for rank, mark in enumerate(legend(chart)):
        made.add_trace(_key(mark).update(legendrank=rank + 1), row=1, col=1)
    if chart.empty:
        middle = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
        made.add_annotation(text=escape(chart.empty), showarrow=False, **middle)
    _lay_out(made, chart)
    return made


def _lay_out(made: go.Figure, chart: Chart) -> None:
    """Set the title, legend, margins and colours of a figure."""
    note = f"{chart.note} ({chart.advice})" if chart.advice else chart.note
    text = {"family": FONT, "size": 13, "color": INK}
    made.update_annotations(font=text)
    made.update_layout(
        template="none",
        font=text,
        title={"text": f"<b>{escape(chart.title)}</b>", "x": 0, "xref": "paper"},
        title_font={"size": 17},
        title_subtitle={"text": escape(note), "font": {"size": 13, "color": FADED}},
        title_yref="container",
        title_y=1 - 20 / chart.height,
        title_yanchor="top",
        legend=LEGEND | {"itemsizing": "constant"},
        margin={"l": 72, "r": 24, "t": _top(chart), "b": BOTTOM},
        hoverlabel={"bgcolor": PAPER, "bordercolor": FADED, "align": "left", "font": text},
        hovermode="closest",
        barmode="stack",
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        uirevision=chart.key,
    )


def _top(chart: Chart) -> int:
    """Return the margin above the panels, with room for their titles."""
    return TOP + (26 if any(panel.title for panel in chart.panels) else 0)


@singledispatch
def trace(mark: Mark) -> go.Scatter | go.Bar:
    """Return a mark as a Plotly trace without a legend entry."""
    raise TypeError(mark)


@trace.register
def _(mark: Points) -> go.Scatter:
    return go.Scatter(
        x=list(mark.x),
        y=list(mark.y),
        mode="text" if mark.symbol == "none" else "markers+text" if mark.labels else "markers",
        marker=_marker(mark),
        text=[escape(text) for text, _ in mark.labels] or None,
        textposition=[place for _, place in mark.labels] or None,
        textfont={"size": 13, "color": INK, "shadow": HALO},
        customdata=list(mark.trials) or None,
        error_y=_bars(mark),
        **_common(mark),
    )


@trace.register
def _(mark: Line) -> go.Scatter:
    return go.Scatter(
        x=list(mark.x),
        y=list(mark.y),
        mode="lines",
        line={"color": mark.colour, "width": mark.width, "dash": mark.dash},
        opacity=mark.opacity,
        **_common(mark),
    )


@trace.register
def _(mark: Bars) -> go.Bar:
    return go.Bar(
        y=list(mark.y),
        x=list(mark.lengths),
        orientation="h",
        marker={"color": mark.colour, "line": {"color": PAPER, "width": 0.5}},
        width=0.7,
        text=[escape(text) for text in mark.texts] or None,
        textposition="outside" if mark.texts else None,
        textfont={"color": INK},
        cliponaxis=False,
        **_common(mark),
    )


def _common(mark: Mark) -> dict[str, Any]:
    """Return the properties that every trace has."""
    hovering = {"hovertext": list(mark.hover), "hoverinfo": "text"}
    name = {"name": escape(mark.name), "legendgroup": escape(mark.name)} if mark.name else {}
    return name | {"showlegend": False} | (hovering if mark.hover else {"hoverinfo": "skip"})


def _bars(mark: Points) -> dict[str, Any] | None:
    """Return the bars through markers; None if there are none."""
    if not mark.ends:
        return None
    lower, upper = zip(*mark.ends, strict=True)
    return {
        "type": "data",
        "symmetric": False,
        "array": [end - y for end, y in zip(upper, mark.y, strict=True)],
        "arrayminus": [y - end for end, y in zip(lower, mark.y, strict=True)],
        "color": mark.end_colour,
        "thickness": 1.5,
        "width": 4,
    }


def _marker(mark: Points) -> dict[str, Any]:
    sizes = mark.sizes if isinstance(mark.sizes, int | float) else list(mark.sizes)
    return {
        "color": mark.colour,
        "symbol": "circle" if mark.symbol == "none" else mark.symbol,
        "size": sizes,
        "opacity": mark.opacity,
        "line": {"color": mark.edge, "width": 1},
    }


def _key(mark: Mark) -> go.Scatter:
    """Return the legend entry of a mark: a trace of its own, so that the look stays."""
    look: dict[str, Any]
    if isinstance(mark, Points):
        look = {"mode": "markers", "marker": _marker(mark) | {"size": 11}}
    elif isinstance(mark, Bars):
        look = {"mode": "markers", "marker": {"color": mark.colour, "symbol": "square"}}
        look["marker"]["size"] = 12
    else:
        look = {"mode": "lines+markers" if mark.dotted else "lines"}
        look["line"] = {"color": mark.colour, "width": mark.width, "dash": mark.dash}
        look["marker"] = {"size": 11, "color": mark.colour}
    name = escape(mark.name)
    return go.Scatter(x=[None], y=[None], name=name, legendgroup=name, meta="key", **look)


def _axis(axis: Axis) -> dict[str, Any]:
    """Return an axis as Plotly's properties."""
    made: dict[str, Any] = {
        "title": {"text": escape(axis.title), "standoff": 8, "font": {"size": 13}},
        "type": "log" if axis.log else "linear",
        "showgrid": axis.grid,
        "gridcolor": GRID,
        "zeroline": False,
        "showline": axis.grid,
        "linecolor": FADED,
        "ticks": "outside",
        "tickcolor": FADED if axis.grid else PAPER,
        "automargin": True,
        "tickangle": -25 if axis.tilted else 0,
    }
    if axis.bounds is not None:
        made["range"] = list(axis.bounds)
    if axis.ticks is not None:
        made["tickvals"] = list(axis.ticks)
        made["ticktext"] = [escape(text).replace("\n", "<br>") for text in axis.ticks.values()]
    return made
