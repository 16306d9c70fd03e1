"""What is in the Pareto plot: composed once, so that its two renderers cannot disagree."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.records import TrialRecord, finished, front_of, knee_of

# Okabe and Ito's colours, which the colour-blind tell apart.
BLUE, SKY, VERMILLION, BLACK = "#0072B2", "#56B4E9", "#D55E00", "#000000"
GREEN, ORANGE, PURPLE, YELLOW = "#009E73", "#E69F00", "#CC79A7", "#F0E442"
INK, FADED, GRID, PAPER = "#222222", "#5F5F5F", "#E8E8E8", "#FFFFFF"
REFERENCES = (("diamond", GREEN), ("star", ORANGE), ("square", PURPLE), ("triangle-up", YELLOW))
FRONT, KNEE, DOMINATED, STOPPED = "Pareto front", "Knee", "Dominated", "Stopped early"
X_TITLE, Y_TITLE = "Training FLOPs relative to dense training", "Validation accuracy (%)"
EMPTY = "No trial has finished yet"
PLACES = [f"{row} {column}" for row in ("top", "bottom", "middle") for column in ("left", "right")]
PLACES += ["top center", "bottom center"]
"""Of a label around its marker, the best first: nothing is to the top left of a front."""
SIDES = {"left": -1, "center": 0, "right": 1, "bottom": -1, "middle": 0, "top": 1}

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
    placed = [trial for trial in trials if all(map(math.isfinite, point(trial)))]
    series, shown = sort_out(placed), finished(placed)
    drawn = [trial for each in series for trial in each.trials]
    names = {trial.number: trial.reference for trial in shown if trial.reference}
    if shown:
        knee = knee_of(shown)
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
        sizes[trial.number] = min(max(12 * math.sqrt((trial.seconds or usual) / usual), 9), 28)
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


def one_line(title: str) -> str:
    """A title on one line."""
    return textwrap.shorten(title, 80, placeholder=" …")
