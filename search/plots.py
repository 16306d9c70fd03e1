"""The Pareto plot of a search: interactive with Plotly, still with matplotlib.

`compose` says once what is in the picture, and both renderers only draw it: they cannot disagree.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from search.records import TrialRecord, finished, front_of, knee_of
from swast.files import replacing

# Okabe and Ito's colours, which the colour-blind tell apart.
BLUE, SKY, VERMILLION, BLACK = "#0072B2", "#56B4E9", "#D55E00", "#000000"
GREEN, ORANGE, PURPLE, YELLOW = "#009E73", "#E69F00", "#CC79A7", "#F0E442"
INK, FADED, GRID, PAPER = "#222222", "#5F5F5F", "#E8E8E8", "#FFFFFF"
REFERENCES = (("diamond", GREEN), ("star", ORANGE), ("square", PURPLE), ("triangle-up", YELLOW))
MARKERS = {"circle": "o", "x": "X", "diamond": "D"}
MARKERS |= {"star": "*", "square": "s", "triangle-up": "^"}
"""Symbols: Plotly's names, and matplotlib's."""
FRONT, KNEE, DOMINATED, STOPPED = "Pareto front", "Knee", "Dominated", "Stopped early"
X_TITLE, Y_TITLE = "Training FLOPs relative to dense training", "Validation accuracy (%)"
EMPTY = "No trial has finished yet"
FONT = "system-ui, sans-serif"
PLACES = [f"{row} {column}" for row in ("top", "bottom", "middle") for column in ("left", "right")]
PLACES += ["top center", "bottom center"]
"""Of a label around its marker, the best first: nothing is to the top left of a front."""
SIDES = {"left": -1, "center": 0, "right": 1, "bottom": -1, "middle": 0, "top": 1}
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

Array = NDArray[np.float64]
Range = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """Trials that share a look. Without a diameter (pixels), areas show their wall time."""

    name: str
    trials: list[TrialRecord]
    colour: str
    symbol: str = "circle"
    edge: str = PAPER
    opacity: float = 1.0
    diameter: float | None = None


@dataclass(frozen=True)
class Frame:
    """The ends of the axes: x is log10 of the relative FLOPs, y the accuracy in per cent."""

    x: Range
    y: Range

    def shares(self, points: ArrayLike) -> Array:
        """Where points are between the ends (0 to 1), n × 2."""
        low, span = np.array([self.x[0], self.y[0]]), np.ptp([self.x, self.y], axis=1)
        shares: Array = (np.reshape(np.asarray(points, dtype=float), (-1, 2)) - low) / span
        return shares


@dataclass(frozen=True, kw_only=True)
class Picture:
    """All that the plot shows.

    Attributes:
        series: the markers, the nearest first; a trial is in one series at most.
        sizes: the markers' diameters in pixels, by trial number.
        line: the corners of the front's steps, n × 2.
        labels: of the references and the knee: text and place, by trial number.
        frame: the axes.
        note: what a reader needs to know besides.
        hidden: how many trials are below the y axis.
    """

    series: list[Series]
    sizes: dict[int, float]
    line: Array
    labels: dict[int, tuple[str, str]]
    frame: Frame
    note: str
    hidden: int


def point(trial: TrialRecord) -> Range:
    """Where a trial is: log10 of its relative FLOPs, and per cent; NaN where it cannot be."""
    flops, accuracy = trial.relative_flops, trial.accuracy
    if flops is None or accuracy is None or not 0 < flops < math.inf:
        return math.nan, math.nan
    return math.log10(flops), 100 * accuracy


def compose(trials: Sequence[TrialRecord]) -> Picture:
    """Decide all that the plot shows."""
    series = sort_out([trial for trial in trials if all(map(math.isfinite, point(trial)))])
    drawn = [trial for each in series for trial in each.trials]
    shown = finished(drawn)
    names = {trial.number: trial.reference for trial in shown if trial.reference}
    for knee in [knee_of(shown)] if shown else []:
        names[knee.number] = f"{knee.reference or knee.label} (knee)"
    named = [point(trial)[1] for trial in shown if trial.number in names]
    frame = Frame(
        x_bounds([point(trial)[0] for trial in drawn]),
        y_bounds([point(trial)[1] for trial in shown], named),
    )
    sizes, line = diameters(series), steps([point(trial) for trial in front_of(shown)])
    at = {trial.number: frame.shares(point(trial))[0] for trial in drawn}
    hidden = sum(bool(share[1] < 0) for share in at.values())
    return Picture(
        series=series,
        sizes=sizes,
        line=line,
        labels=place_labels(names, at, sizes, frame.shares(_along(line))),
        frame=frame,
        note=_note(trials, series, hidden, frame.y[0]),
        hidden=hidden,
    )


def sort_out(trials: Sequence[TrialRecord]) -> list[Series]:
    """Give every finished trial to one series, and the stopped ones to one of their own."""
    done = finished(trials)
    best = {trial.number for trial in front_of(done)}
    knee = {knee_of(done).number} if done else set()
    own = [trial for trial in done if not trial.reference]
    stopped = [trial for trial in trials if trial.state == "pruned"]
    series = [
        Series(KNEE, [t for t in own if t.number in knee], VERMILLION, edge=INK),
        Series(FRONT, [t for t in own if t.number in best - knee], BLUE),
    ]
    references = dict.fromkeys(trial.reference for trial in done if trial.reference)
    for turn, name in enumerate(references):
        symbol, colour = REFERENCES[turn % len(REFERENCES)]
        same = [trial for trial in done if trial.reference == name]
        size = 20 if symbol == "star" else 14
        series.append(Series(name, same, colour, symbol, edge=INK, diameter=size))
    series += [
        Series(DOMINATED, [t for t in own if t.number not in best], SKY, opacity=0.6),
        Series(STOPPED, stopped, BLACK, "x", opacity=0.35, diameter=8),
    ]
    return [each for each in series if each.trials]


def steps(points: Sequence[Range]) -> Array:
    """The corners of a front's steps: across to the next point's FLOPs, then up to it."""
    twice = np.repeat(np.reshape(np.array(points, dtype=float), (-1, 2)), 2, axis=0)
    return np.column_stack([twice[1:, 0], twice[:-1, 1]])


def diameters(series: Sequence[Series]) -> dict[int, float]:
    """Marker diameters in pixels: areas in proportion to wall time, 12 across at the median."""
    timed = [trial for each in series if each.diameter is None for trial in each.trials]
    usual = float(np.median([trial.seconds for trial in timed if trial.seconds] or [1.0]))
    sizes = {trial.number: each.diameter or 12 for each in series for trial in each.trials}
    for trial in timed:
        sizes[trial.number] = min(max(12 * math.sqrt((trial.seconds or usual) / usual), 8), 28)
    return sizes


def x_bounds(values: Sequence[float]) -> Range:
    """Ends of the x axis around values: at least 0.6 decades, and a margin."""
    low, high = (min(values), max(values)) if values else (-2.0, 0.0)
    margin = max(0.07 * (high - low), (0.6 - (high - low)) / 2)
    return low - margin, high + margin


def y_bounds(values: Sequence[float], kept: Sequence[float]) -> Range:
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


def x_ticks(bounds: Range) -> dict[float, str]:
    """Where the x axis is labelled (relative FLOPs), and how: 1, 0.3, 0.1, never 1e-05."""
    decades = bounds[1] - bounds[0]
    digits = [1] if decades > 4.5 else [1, 3] if decades > 1.5 else [1, 1.5, 2, 3, 5, 7]
    powers = range(math.floor(bounds[0]), math.ceil(bounds[1]))
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    return {
        tick: np.format_float_positional(tick, precision=2, fractional=False, trim="-")
        for tick in ticks
        if bounds[0] <= math.log10(tick) <= bounds[1]
    }


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
        half = np.array([0.006 * len(text) + 0.005, 0.03])
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


def _along(line: Array) -> Array:
    """Many positions on a line, from its corners."""
    if len(line) == 0:
        return line
    where = np.linspace(0, len(line) - 1, 20 * len(line))
    return np.column_stack([np.interp(where, np.arange(len(line)), axis) for axis in line.T])


def _note(trials: Sequence[TrialRecord], series: Sequence[Series], hidden: int, low: float) -> str:
    """The line below the title."""
    times = [
        t.seconds for each in series if each.diameter is None for t in each.trials if t.seconds
    ]
    started = sum(not trial.rejected for trial in trials)
    parts = [f"{len(finished(trials))} of {started} trials finished"]
    if times:
        parts.append(f"circle area: wall time, {min(times):,.1f} to {max(times):,.1f} s")
    if hidden:
        parts.append(f"{hidden} below {low:.1f} % not shown")
    return " · ".join(parts)


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
        figure.add_trace(_markers(series, picture)).data[-1].legendrank = 1001 + rank
    _lay_out(figure, picture, _short(title))
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


def _short(title: str) -> str:
    """A title on one line."""
    return textwrap.shorten(title, 80, placeholder=" …")


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


def write_png(trials: Sequence[TrialRecord], title: str, path: Path) -> None:
    """Write the plot as a still image, 1200 × 750 pixels, in place of what was there."""
    picture = compose(trials)
    figure = Figure(figsize=(8, 5), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    axes = figure.add_subplot()
    axes.plot(10 ** picture.line[:, 0], picture.line[:, 1], color=BLUE, linewidth=1.5)
    if len(picture.line):
        axes.plot([], [], "-o", color=BLUE, label=FRONT)
    else:
        axes.text(0.5, 0.5, EMPTY, transform=axes.transAxes, ha="center")
    for depth, series in enumerate(picture.series):
        _scatter(axes, series, picture, 10 + len(picture.series) - depth)
    _finish(axes, picture, _short(title))
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
