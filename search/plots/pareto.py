"""Pareto plot: score against cost of every trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.objectives import Cost, Objectives
from search.plots.axes import (
    Array,
    cost_bounds,
    even_ticks,
    log_ticks,
    place_labels,
    score_bounds,
)
from search.plots.chart import Axis, Chart, Line, Mark, Panel, Points, Range, Symbol
from search.plots.scales import colouring, scales
from search.plots.staircase import as_drawn, shorter_line, steps
from search.plots.theme import (
    BLACK,
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
)
from search.plots.uncertainty import contending, ends_of, reading_points
from search.plots.words import count_words, heading, hover, point, short
from search.trials.further import candidates_of, trainings_of
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, configurations, front_of, knee_of

REFERENCES: tuple[tuple[Symbol, str], ...] = (
    ("diamond", GREEN),
    ("star", ORANGE),
    ("square", PURPLE),
    ("triangle-up", YELLOW),
    ("square", GREEN),
    ("diamond", PURPLE),
)
FRONT, KNEE, DOMINATED, STOPPED = "Pareto front", "Knee", "Dominated", "Stopped early"
CANDIDATES = "May be on the front"
EMPTY = "No trial has finished yet"


@dataclass(frozen=True)
class Series:
    """Trials of one look. Without a diameter (pixels), the markers' areas show wall time."""

    name: str
    trials: list[TrialRecord]
    colour: str
    symbol: Symbol = "circle"
    edge: str = PAPER
    opacity: float = 1.0
    diameter: float | None = None


@dataclass(frozen=True)
class Frame:
    """Ends of both axes, in the coordinates of `Objective.place`: x is the cost, y the score."""

    x: Range
    y: Range

    def shares(self, points: ArrayLike) -> Array:
        """Return points as shares of the axes, from 0 to 1, n × 2."""
        low, span = np.array([self.x[0], self.y[0]]), np.ptp([self.x, self.y], axis=1)
        shares: Array = (np.reshape(np.asarray(points, dtype=float), (-1, 2)) - low) / span
        return shares


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Contents of the plot.

    Attributes:
        series: markers, those in front first; a trial is in one series at most.
        sizes: diameters of the markers in pixels, by trial number.
        line: corners of the front's steps, n × 2.
        labels: text and position of the labels of references and knee, by trial number.
        frame: ends of the axes.
        note: line below the title.
        hidden: number of trials below the y axis.
    """

    series: list[Series]
    sizes: dict[int, float]
    line: Array
    labels: dict[int, tuple[str, str]]
    frame: Frame
    note: str
    hidden: int


def pareto_chart(info: SearchInfo, trials: Sequence[TrialRecord]) -> Chart:
    """Return the plot, with settings under the pointer and colours by setting."""
    score, cost = info.objectives.score, info.objectives.cost
    picture = compose(trials, info.objectives)
    marks: list[Mark] = []
    x, y = as_drawn(picture.line[:, 0], cost), list(picture.line[:, 1])
    if x:
        marks.append(Line(x=x, y=y, name=FRONT, dotted=True))
    marks += shorter_line(trials, info.objectives)
    marks += reading_points(info, trials)
    bars = {trial.number for trial in contending(trials, info.objectives)}
    marks += [_points(info, each, picture, bars) for each in reversed(picture.series)]
    frame = picture.frame
    shown = [trial for each in picture.series for trial in each.trials]
    again = [
        each for trial in shown if trial.number in bars for each in trainings_of(trial, trials)
    ]
    return Chart(
        key="pareto",
        title=heading(info, f"{score.name} against {cost.noun}"),
        note=f"{picture.note} · bars: 90 % intervals" if bars else picture.note,
        advice="double-click to see all" if picture.hidden else "",
        panels=[
            Panel(
                marks=marks,
                x=Axis(
                    title=cost.title,
                    log=cost.log,
                    bounds=frame.x,
                    ticks=log_ticks(frame.x) if cost.log else even_ticks(*frame.x),
                ),
                y=Axis(title=score.title, bounds=frame.y),
            )
        ],
        empty="" if x else EMPTY,
        runs={trial.number: trial.run_id for trial in [*shown, *again] if trial.run_id},
        colourings=[colouring(each, shown) for each in scales(info.study, shown)],
    )


def _points(info: SearchInfo, series: Series, picture: Picture, bars: set[int]) -> Points:
    """Return the markers of a series; the legend names the front by its line.

    Args:
        info: the search.
        series: the trials.
        picture: the plot.
        bars: numbers of the trials whose intervals are drawn.
    """
    trials = series.trials
    objectives = info.objectives
    are_some = any(trial.number in bars for trial in trials)
    return Points(
        x=[_value(trial, objectives.cost) for trial in trials],
        y=[point(trial, objectives)[1] for trial in trials],
        name="" if series.name == FRONT else series.name,
        colour=series.colour,
        symbol=series.symbol,
        edge=series.edge,
        opacity=series.opacity,
        sizes=[picture.sizes[trial.number] for trial in trials],
        labels=[picture.labels.get(trial.number, ("", "top left")) for trial in trials],
        hover=[hover(info, trial) for trial in trials],
        trials=[trial.number for trial in trials],
        ends=[ends_of(trial, bars, objectives) for trial in trials] if are_some else (),
        end_colour=BLUE if series.colour == PAPER else series.colour,
    )


def _value(trial: TrialRecord, cost: Cost) -> float:
    """Return the cost of a trial as the axis prints it."""
    value = trial.relative_prediction
    return math.nan if value is None else cost.factor * value


def compose(trials: Sequence[TrialRecord], objectives: Objectives) -> Picture:
    """Return the contents of the plot."""
    place = objectives.score.place
    spots = {trial.number: point(trial, objectives) for trial in trials}
    placed = [trial for trial in trials if math.isfinite(spots[trial.number][0])]
    series, shown = series_of(placed, objectives), configurations(placed)
    drawn = [trial for each in series for trial in each.trials]
    names = {trial.number: short(trial.reference) for trial in shown if trial.reference}
    if shown:
        knee = knee_of(shown, objectives)
        names[knee.number] = f"{short(knee.reference or knee.label)} (knee)"
    named = [spots[trial.number][1] for trial in shown if trial.number in names]
    members = front_of(shown, objectives)
    tops = [place(each.estimate.high) for each in members if each.estimate is not None]
    frame = Frame(
        cost_bounds(objectives.cost, [spots[trial.number][0] for trial in drawn]),
        score_bounds([*(spots[trial.number][1] for trial in shown), *tops], named),
    )
    sizes, line = diameters(series), steps(rising([spots[each.number] for each in members]))
    at = {trial.number: frame.shares(spots[trial.number])[0] for trial in drawn}
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


def series_of(trials: Sequence[TrialRecord], objectives: Objectives) -> list[Series]:
    """Return the trials by look: every configuration in one series, stopped trials in another."""
    done = configurations(trials)
    best = {trial.number for trial in front_of(done, objectives)}
    knee = {knee_of(done, objectives).number} if done else set()
    own = [trial for trial in done if not trial.reference]
    possible = {trial.number for trial in candidates_of(done, objectives)}
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
        series.append(Series(short(name), same, colour, symbol, edge=INK, diameter=size))
    series += [
        Series(CANDIDATES, [t for t in own if t.number in possible], PAPER, edge=BLUE),
        Series(DOMINATED, [t for t in own if t.number not in best | possible], SKY, opacity=0.6),
        Series(STOPPED, stopped, BLACK, "x", opacity=0.35, diameter=8),
    ]
    return [each for each in series if each.trials]


def rising(points: Sequence[Range]) -> list[Range]:
    """Return the points, cheapest first, whose score is not below one before."""
    found: list[Range] = []
    for each in points:
        if not found or each[1] >= found[-1][1]:
            found.append(each)
    return found


def diameters(series: Sequence[Series]) -> dict[int, float]:
    """Return marker diameters in pixels: areas proportional to wall time, 12 at the median."""
    timed = [trial for each in series if each.diameter is None for trial in each.trials]
    usual = float(np.median([trial.seconds for trial in timed if trial.seconds] or [1.0]))
    sizes = {trial.number: each.diameter or 12 for each in series for trial in each.trials}
    for trial in timed:
        sizes[trial.number] = min(max(12 * math.sqrt((trial.seconds or usual) / usual), 9), 28)
    return sizes


def _along(line: Array) -> Array:
    """Return many positions on a line with these corners."""
    if len(line) == 0:
        return line
    where = np.linspace(0, len(line) - 1, 20 * len(line))
    return np.column_stack([np.interp(where, np.arange(len(line)), axis) for axis in line.T])


def _note(trials: Sequence[TrialRecord], series: Sequence[Series], hidden: int, low: float) -> str:
    """Return the line below the title."""
    times = [
        t.seconds for each in series if each.diameter is None for t in each.trials if t.seconds
    ]
    parts = [count_words(trials)]
    if times and f"{min(times):,.1f}" == f"{max(times):,.1f}":
        parts.append(f"each took {min(times):,.1f} s")
    elif times:
        parts.append(f"circle area: wall time, {min(times):,.1f} to {max(times):,.1f} s")
    if hidden:
        parts.append(f"{hidden} below {low:.1f} % not shown")
    return " · ".join(parts)
