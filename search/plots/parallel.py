"""Parallel coordinates: every trial as a line through its settings and results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from search.objectives import Objectives
from search.plots.axes import even_ticks, score_bounds, ticks_of
from search.plots.chart import Axis, Chart, Line, Panel, Points
from search.plots.scales import Scale, scales
from search.plots.theme import BLUE, FADED, SKY, VERMILLION
from search.plots.words import brief, count_words, heading, placed, point
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, front_of, knee_of

MISSING = -0.13
"""Height at which a line passes the axis of a setting that its trial does not have."""

DOMINATED = Line(x=(), y=(), name="Dominated", colour=SKY, width=1.0, opacity=0.45)
FRONT = Line(x=(), y=(), name="Pareto front", colour=BLUE, width=2.2)
KNEE = Line(x=(), y=(), name="Knee", colour=VERMILLION, width=3.0)
LONGEST = 10
"""The most letters of a name on one line."""


def parallel_chart(info: SearchInfo, trials: Sequence[TrialRecord]) -> Chart:
    """Return the chart of settings and objectives, with the front drawn over other trials."""
    objectives = info.objectives
    done = placed(trials, objectives)
    axes = [*scales(info.study, done), *_objectives(done, objectives)]
    members = {trial.number for trial in front_of(done, objectives)}
    knee = {knee_of(done, objectives).number} if done else set()
    looks = (
        (DOMINATED, [t for t in done if t.number not in members]),
        (FRONT, [t for t in done if t.number in members - knee]),
        (KNEE, [t for t in done if t.number in knee]),
    )
    lines = [_through(info, axes, group, look) for look, group in looks if group]
    lacking = any(math.isnan(axis.place(trial)) for axis in axes for trial in done)
    bottom = MISSING - 0.05 if lacking else -0.06
    at = {float(place): _wrapped(axis.path) for place, axis in enumerate(axes)}
    ends = (-0.45, len(axes) - 0.4)
    return Chart(
        key="parallel",
        title=heading(info, "settings and results"),
        note=count_words(trials) + " · log axes where the search was on a log scale",
        panels=[
            Panel(
                marks=[*map(_spine, range(len(axes))), *lines, _ticks(axes, done)],
                x=Axis(ticks=at, bounds=ends, grid=False),
                y=Axis(ticks={}, bounds=(bottom, 1.06), grid=False),
            )
        ],
        height=520,
        empty="" if done else "No trial has finished yet",
    )


def _objectives(done: Sequence[TrialRecord], objectives: Objectives) -> list[Scale]:
    """Return the axes of both objectives."""
    if not done:
        return []
    score, cost = objectives.score, objectives.cost
    costs, scores = zip(*(point(trial, objectives) for trial in done), strict=True)
    low, high = max(score_bounds(scores)[0], min(scores)), max(scores)
    marks = even_ticks(low, high)
    if low > min(scores):
        marks = {at: text for at, text in marks.items() if at > low + 0.08 * (high - low)}
        marks[low] = f"≤ {low:.1f}"
    return [
        _Objective(
            path=_named(cost.name, "relative" if cost.known else cost.unit),
            places={},
            low=min(costs),
            high=max(costs),
            ticks=ticks_of(cost, (min(costs), max(costs))),
            objectives=objectives,
            index=0,
        ),
        _Objective(
            path=_named(score.name, score.unit),
            places={},
            low=low,
            high=high,
            ticks=marks,
            objectives=objectives,
            index=1,
        ),
    ]


def _named(name: str, unit: str) -> str:
    """Return a name and its unit on two lines."""
    return f"{name}\n({unit})" if unit else name


@dataclass(frozen=True, kw_only=True)
class _Objective(Scale):
    """Axis of an objective; values far below the others are placed at the lower end.

    Attributes:
        objectives: of the study.
        index: 0 for the cost, 1 for the score.
    """

    objectives: Objectives
    index: int

    def place(self, trial: TrialRecord) -> float:
        """Return the position of a trial on the axis."""
        return max(point(trial, self.objectives)[self.index], self.low)


def _through(
    info: SearchInfo, axes: Sequence[Scale], trials: Sequence[TrialRecord], look: Line
) -> Line:
    """Return the lines of trials of one look, as one line with gaps."""
    x: list[float] = []
    y: list[float] = []
    hovers: list[str] = []
    for trial in trials:
        shares = [axis.share(trial) for axis in axes]
        x += [*map(float, range(len(axes))), math.nan]
        y += [share if math.isfinite(share) else MISSING for share in shares] + [math.nan]
        hovers += [*(brief(info, trial, axis.path) for axis in axes), ""]
    return replace(look, x=x, y=y, hover=hovers)


def _spine(place: int) -> Line:
    """Return the vertical line of an axis."""
    return Line(x=[place, place], y=[0.0, 1.0], colour=FADED, width=1.0)


def _ticks(axes: Sequence[Scale], trials: Sequence[TrialRecord]) -> Points:
    """Return the labels along all axes."""
    spots = [
        (float(place), axis.share_of(at), text)
        for place, axis in enumerate(axes)
        for at, text in axis.ticks.items()
    ]
    spots += [
        (float(place), MISSING, "not set")
        for place, axis in enumerate(axes)
        if any(math.isnan(axis.place(trial)) for trial in trials)
    ]
    return Points(
        x=[x + 0.04 for x, _, _ in spots],
        y=[y for _, y, _ in spots],
        labels=[(text, "middle right") for _, _, text in spots],
        symbol="none",
    )


def _wrapped(path: str) -> str:
    """Return a dotted path, or a long name of several words, on two lines."""
    if "." in path:
        return path.replace(".", ".\n", 1)
    return path.replace("_", "_\n", 1) if len(path) > LONGEST else path
