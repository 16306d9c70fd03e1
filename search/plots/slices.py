"""Slices: score and cost against each setting."""

from __future__ import annotations

from collections.abc import Sequence

from search.objectives import Objectives
from search.plots.axes import cost_bounds, score_bounds, ticks_of
from search.plots.chart import BLANK, Axis, Chart, Panel, Points
from search.plots.scales import Scale, scales
from search.plots.theme import BLUE, INK, SKY, VERMILLION
from search.plots.words import brief, capital, cost_name, count_words, heading, placed, point
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, front_of, knee_of

COLUMNS = 3
ROW = 220
"""Height of a row of panels in pixels."""
LETTERS = 26
"""The most letters of tick labels that fit below a panel untilted."""


def slices_chart(info: SearchInfo, trials: Sequence[TrialRecord]) -> Chart:
    """Return the chart of each setting against the score and, below that, against the cost."""
    objectives = info.objectives
    done = placed(trials, objectives)
    axes = scales(info.study, done)
    panels: list[Panel] = []
    for start in range(0, len(axes), COLUMNS):
        block = axes[start : start + COLUMNS]
        lacking = [BLANK] * (COLUMNS - len(block))
        for index in (1, 0):
            row = [
                _panel(info, axis, done, index, first=place == 0)
                for place, axis in enumerate(block)
            ]
            panels += row + (lacking if start else [])
    return Chart(
        key="slices",
        title=heading(
            info, f"each setting against {objectives.score.name} and {objectives.cost.name}"
        ),
        note=count_words(trials) + " · blue: on the front, with the knee in red",
        panels=panels or [BLANK],
        columns=min(COLUMNS, max(len(axes), 1)),
        height=150 + ROW * 2 * max(-(-len(axes) // COLUMNS), 1),
        empty="" if done else "No trial has finished yet",
        runs={trial.number: trial.run_id for trial in done if trial.run_id},
    )


def _panel(
    info: SearchInfo, axis: Scale, done: Sequence[TrialRecord], index: int, *, first: bool
) -> Panel:
    """Return the panel of a setting and an objective: 0 for the cost, 1 for the score."""
    objectives = info.objectives
    members = {trial.number for trial in front_of(done, objectives)}
    knee = {knee_of(done, objectives).number}
    groups = (
        (SKY, 0.7, 6, [t for t in done if t.number not in members]),
        (BLUE, 1.0, 8, [t for t in done if t.number in members - knee]),
        (VERMILLION, 1.0, 10, [t for t in done if t.number in knee]),
    )
    marks = [
        Points(
            x=[axis.place(trial) for trial in group],
            y=[point(trial, objectives)[index] for trial in group],
            colour=colour,
            opacity=opacity,
            sizes=size,
            edge=INK if colour == VERMILLION else "#FFFFFF",
            hover=[brief(info, trial, axis.path) for trial in group],
            trials=[trial.number for trial in group],
        )
        for colour, opacity, size, group in groups
    ]
    values = [point(trial, objectives)[index] for trial in done]
    margin = 0.06 * (axis.high - axis.low) or 0.5
    x = Axis(
        title="" if index else axis.path,
        bounds=(axis.low - margin, axis.high + margin),
        ticks=axis.ticks,
        tilted=sum(map(len, axis.ticks.values())) > LETTERS,
    )
    return Panel(marks=marks, x=x, y=_upright(values, objectives, index, first=first))


def _upright(values: Sequence[float], objectives: Objectives, index: int, *, first: bool) -> Axis:
    """Return the axis of an objective; only the first panel of a row has its title."""
    score, cost = objectives.score, objectives.cost
    name, unit = (score.name, score.unit) if index else (cost_name(cost), cost.unit)
    title = capital(name) + (f" ({unit})" if unit else "") if first else ""
    if index:
        return Axis(title=title, bounds=score_bounds(values))
    bounds = cost_bounds(cost, values)
    return Axis(title=title, bounds=bounds, ticks=ticks_of(cost, bounds))
