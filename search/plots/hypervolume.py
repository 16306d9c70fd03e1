"""Hypervolume of the front against the FLOPs spent so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from search.plots.axes import si_unit
from search.plots.chart import Axis, Chart, Line, Mark, Panel, Points
from search.plots.theme import FADED
from search.plots.words import escape, heading
from search.trials.search_info import SearchInfo
from search.trials.search_state import Progress, progress
from search.trials.trial_record import TrialRecord


def hypervolume_chart(info: SearchInfo, trials: Sequence[TrialRecord]) -> Chart:
    """Return the chart of hypervolume against training FLOPs of all trials, as they ended."""
    stages = progress(trials, info.objectives)
    factor, unit = si_unit(max((each.spent for each in stages), default=0), "FLOPs")
    spent = [each.spent / factor for each in stages]
    volume = [each.hypervolume for each in stages]
    steps_x = [0.0, *(x for x in spent for _ in (0, 1))]
    steps_y = [0.0, 0.0, *(y for y in volume for _ in (0, 1))][: len(steps_x)]
    rises = [now > before for before, now in pairwise([0.0, *volume])]
    hovers = _hovers(info, trials, stages, spent, unit)

    def dots(look: Points, *, grew: bool) -> Points:
        chosen = [place for place, rise in enumerate(rises) if rise is grew]
        return replace(
            look,
            x=[spent[place] for place in chosen],
            y=[volume[place] for place in chosen],
            hover=[hovers[place] for place in chosen],
            trials=[stages[place].trial for place in chosen],
        )

    ended = Points(x=(), y=(), name="Trial ended", colour=FADED, opacity=0.6, sizes=6)
    raised = Points(x=(), y=(), name="Trial raised it", sizes=10)
    marks: list[Mark] = [
        Line(x=steps_x, y=steps_y),
        dots(ended, grew=False),
        dots(raised, grew=True),
    ]
    note = (
        f"{volume[-1]:.4f} after {spent[-1]:.3g} {unit} and {len(stages)} trials" if stages else ""
    )
    return Chart(
        key="hypervolume",
        title=heading(info, "hypervolume against FLOPs spent"),
        note=note,
        panels=[
            Panel(
                marks=marks if stages else [],
                x=Axis(title=f"Training FLOPs spent by all trials ({unit})"),
                y=Axis(title="Hypervolume"),
            )
        ],
        height=480,
        empty="" if stages else "No trial has ended yet",
        runs={trial.number: trial.run_id for trial in trials if trial.run_id},
    )


def _hovers(
    info: SearchInfo,
    trials: Sequence[TrialRecord],
    stages: Sequence[Progress],
    spent: Sequence[float],
    unit: str,
) -> list[str]:
    """Return the hover text of each trial's end."""
    labels = {trial.number: trial.label for trial in trials}
    return [
        f"<b>{escape(info.run_name(labels[each.trial]))}</b>"
        f"<br>hypervolume: {each.hypervolume:.4f}<br>spent: {paid:.4g} {unit}"
        for each, paid in zip(stages, spent, strict=True)
    ]
