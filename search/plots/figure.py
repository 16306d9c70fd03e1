"""The Pareto plot as an interactive page, by Plotly."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from search.plots.picture import (
    BLUE,
    EMPTY,
    FADED,
    FRONT,
    GRID,
    INK,
    PAPER,
    PLACES,
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

FONT = "system-ui, sans-serif"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body {{ margin: 0 }} .plotly-graph-div {{ min-height: 420px }}</style>
</head>
<body>{plot}</body>
</html>
"""


def hover(trial: TrialRecord) -> str:
    """What the figure says of a trial under the pointer, in Plotly's HTML."""
    rows = {
        "accuracy": f"{point(trial)[1]:.2f} %",
        "relative FLOPs": trial.relative_flops,
        "training FLOPs": None if trial.train_flops is None else float(trial.train_flops),
        "seconds": trial.seconds,
        "stopped": (trial.reason or f"epoch {trial.epochs}") if trial.state == "pruned" else None,
    }
    lines = [f"<b>{_escape(trial.label)}</b>"]
    lines += [f"{name}: {_escape(value)}" for name, value in rows.items() if value is not None]
    lines += [f"{_escape(name)} = {_escape(value)}" for name, value in trial.params.items()]
    return "<br>".join(lines)


def _escape(value: object) -> str:
    """A value as text without markup; Plotly would show an escaped quote as it is."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return html.escape(text, quote=False)


def pareto_figure(trials: Sequence[TrialRecord], title: str) -> go.Figure:
    """The plot as an interactive figure: trials tell their settings under the pointer."""
    picture, figure = compose(trials), go.Figure()
    look = {"line": {"color": BLUE, "width": 2}, "legendgroup": FRONT}
    x, y = 10 ** picture.line[:, 0], picture.line[:, 1]
    figure.add_scatter(x=x, y=y, mode="lines", hoverinfo="skip", showlegend=False, **look)
    if len(picture.line):
        look |= {"mode": "lines+markers", "marker": {"size": 11}, "name": FRONT}
        figure.add_scatter(x=[None], y=[None], **look)
    else:
        figure.add_annotation(
            text=EMPTY, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5
        )
    for rank, series in reversed(list(enumerate(picture.series))):
        figure.add_trace(_markers(series, picture).update(legendrank=1001 + rank))
    _lay_out(figure, picture, one_line(title))
    return figure


def _markers(series: Series, picture: Picture) -> go.Scatter:
    """A series of the figure."""
    labels = [picture.labels.get(trial.number, ("", PLACES[0])) for trial in series.trials]
    return go.Scatter(
        x=[trial.relative_flops for trial in series.trials],
        y=[point(trial)[1] for trial in series.trials],
        name=_escape(series.name),
        legendgroup=_escape(series.name),
        showlegend=series.name != FRONT,
        mode="markers+text",
        marker={
            "color": series.colour,
            "symbol": series.symbol,
            "size": [picture.sizes[trial.number] for trial in series.trials],
            "opacity": series.opacity,
            "line": {"color": series.edge, "width": 1},
        },
        text=[_escape(text) for text, _ in labels],
        textposition=[place for _, place in labels],
        textfont={"size": 13, "color": INK, "shadow": f"0 0 3px {PAPER}, 0 0 3px {PAPER}"},
        hovertext=[hover(trial) for trial in series.trials],
        hoverinfo="text",
    )


def _lay_out(figure: go.Figure, picture: Picture, title: str) -> None:
    """Set all of a figure that is not data."""
    note = picture.note + (" (double-click to see all)" if picture.hidden else "")
    ticks = x_ticks(picture.frame.x)
    figure.update_layout(
        template="simple_white",
        font={"family": FONT, "size": 14, "color": INK},
        title={"text": f"<b>{_escape(title)}</b>", "x": 0, "xref": "paper"},
        title_subtitle={"text": note, "font": {"size": 13, "color": FADED}},
        legend={"orientation": "h", "y": 0.01, "yref": "container", "itemsizing": "constant"},
        legend_yanchor="bottom",
        margin={"l": 80, "r": 30, "t": 90, "b": 110},
        hoverlabel={"bgcolor": PAPER, "align": "left", "font": {"family": FONT, "size": 13}},
        hovermode="closest",
        xaxis={"title": X_TITLE, "type": "log", "range": picture.frame.x},
        yaxis={"title": Y_TITLE, "range": picture.frame.y},
    )
    figure.update_xaxes(tickvals=list(ticks), ticktext=list(ticks.values()), gridcolor=GRID)
    figure.update_xaxes(showgrid=True)
    figure.update_yaxes(showgrid=True, gridcolor=GRID, zeroline=False)


def write_html(figure: go.Figure, path: Path) -> None:
    """Write a figure as a page that needs no network, in place of what was there."""
    plot = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        config={"responsive": True, "displaylogo": False},
        default_height="100vh",
        div_id="pareto",
    )
    title = figure.layout.title.text or FRONT
    plain = html.escape(html.unescape(title.removeprefix("<b>").removesuffix("</b>")))
    with replacing(path) as file:
        file.write(PAGE.format(title=plain, plot=plot).encode())
