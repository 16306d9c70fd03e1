"""What each setting did to accuracy, and to FLOPs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from search.info import SearchInfo
from search.plots.axes import log_ticks, x_bounds, y_bounds
from search.plots.chart import BLANK, Axis, Chart, Panel, Points
from search.plots.scales import Scale, scales
from search.plots.theme import BLUE, INK, SKY, VERMILLION
from search.plots.words import brief, count_words, heading, point
from search.records import TrialRecord, finished, front_of, knee_of

COLUMNS = 3
ROW = 220
"""Pixels that a row of panels takes."""
LETTERS = 26
"""How many letters stand side by side below a panel."""


def slices_chart(info: SearchInfo, trials: Sequence[TrialRecord]) -> Chart:
    """Each searched setting against accuracy and, below that, against log FLOPs."""
    done = [trial for trial in finished(trials) if math.isfinite(point(trial)[1])]
    axes = scales(info.study, done)
    panels: list[Panel] = []
    for start in range(0, len(axes), COLUMNS):
        block = axes[start : start + COLUMNS]
        lacking = [BLANK] * (COLUMNS - len(block))
        for objective in (1, 0):
            row = [
                _panel(info, axis, done, objective, first=place == 0)
                for place, axis in enumerate(block)
            ]
            panels += row + (lacking if start else [])
    return Chart(
        key="slices",
        title=heading(info, "each setting against accuracy and FLOPs"),
        note=count_words(trials) + " · blue: on the front, with the knee in red",
        panels=panels or [BLANK],
        columns=min(COLUMNS, max(len(axes), 1)),
        height=150 + ROW * 2 * max(-(-len(axes) // COLUMNS), 1),
        empty="" if done else "No trial has finished yet",
        runs={trial.number: trial.run_id for trial in done if trial.run_id},
    )


def _panel(
    info: SearchInfo, axis: Scale, done: Sequence[TrialRecord], objective: int, *, first: bool
) -> Panel:
    """A setting against an objective: 0 for FLOPs, 1 for accuracy."""
    members = {trial.number for trial in front_of(done)}
    knee = {knee_of(done).number}
    groups = (
        (SKY, 0.7, 6, [t for t in done if t.number not in members]),
        (BLUE, 1.0, 8, [t for t in done if t.number in members - knee]),
        (VERMILLION, 1.0, 10, [t for t in done if t.number in knee]),
    )
    marks = [
        Points(
            x=[axis.place(trial) for trial in group],
            y=[point(trial)[objective] for trial in group],
            colour=colour,
            opacity=opacity,
            sizes=size,
            edge=INK if colour == VERMILLION else "#FFFFFF",
            hover=[brief(info, trial, axis.path) for trial in group],
            trials=[trial.number for trial in group],
        )
        for colour, opacity, size, group in groups
    ]
    values = [point(trial)[objective] for trial in done]
    margin = 0.06 * (axis.high - axis.low) or 0.5
    x = Axis(
        title="" if objective else axis.path,
        bounds=(axis.low - margin, axis.high + margin),
        ticks=axis.ticks,
        tilted=sum(map(len, axis.ticks.values())) > LETTERS,
    )
    title = ("Relative FLOPs", "Accuracy (%)")[objective] if first else ""
    return Panel(marks=marks, x=x, y=_upright(values, title, objective))


def _upright(values: Sequence[float], title: str, objective: int) -> Axis:
    """The axis of an objective."""
    if objective:
        return Axis(title=title, bounds=y_bounds(values))
    bounds = x_bounds(values)
    ticks = {math.log10(tick): text for tick, text in log_ticks(bounds).items()}
    return Axis(title=title, bounds=bounds, ticks=ticks)
