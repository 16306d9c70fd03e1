"""Uncertainty in the Pareto plot: intervals of estimates, and the readings behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from search.objectives import Objectives
from search.plots.chart import Points, Range
from search.plots.theme import FADED, PAPER
from search.plots.words import escape, point
from search.trials.further import trainings_of
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, contenders_of

READINGS = "Single readings"


def contending(trials: Sequence[TrialRecord], objectives: Objectives) -> list[TrialRecord]:
    """Return the members and candidates of the front that have an estimate."""
    return [each for each in contenders_of(trials, objectives) if each.estimate is not None]


def ends_of(trial: TrialRecord, numbers: set[int], objectives: Objectives) -> Range:
    """Return the coordinates of a trial's 90 % interval; of its value alone for other trials.

    Args:
        trial: with a score.
        numbers: of the trials whose intervals are drawn.
        objectives: of the study.
    """
    place, made = objectives.score.place, trial.estimate
    if made is None or trial.number not in numbers:
        return place(trial.value), place(trial.value)
    return place(made.low), place(made.high)


def reading_points(info: SearchInfo, trials: Sequence[TrialRecord]) -> list[Points]:
    """Return all trainings of members and candidates as points at what each was read as."""
    objectives = info.objectives
    score, cost = objectives.score, objectives.cost
    found = [
        (first, each)
        for first in contending(trials, objectives)
        for each in trainings_of(first, trials)
        if math.isfinite(score.place(each.score)) and math.isfinite(point(first, objectives)[0])
    ]
    if not found:
        return []
    return [
        Points(
            x=[cost.factor * (first.relative_cost or 0) for first, _ in found],
            y=[score.place(each.score) for _, each in found],
            name=READINGS,
            colour=FADED,
            edge=PAPER,
            opacity=0.5,
            sizes=6.0,
            hover=[_hover(info, each) for _, each in found],
            trials=[each.number for _, each in found],
        )
    ]


def _hover(info: SearchInfo, trial: TrialRecord) -> str:
    """Return the hover text of one reading, in HTML."""
    score = info.objectives.score
    seed = "" if trial.config is None else f"<br>seed: {trial.config.seed}"
    read = score.text(trial.score or 0, " ")
    return f"<b>{escape(info.run_name(trial.label))}</b><br>read as: {read}{seed}"
