"""Staircases of the Pareto plot: of the front, and of dense training for fewer epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from search.objectives import Cost, Objectives
from search.plots.axes import Array
from search.plots.chart import Line, Range
from search.plots.theme import FADED
from search.plots.words import point
from search.trials.trial_record import TrialRecord, finished

SHORTER = "Train shorter"


def steps(points: Sequence[Range]) -> Array:
    """Return the corners of a front's steps: across to the next point's cost, then up to it."""
    twice = np.repeat(np.reshape(np.array(points, dtype=float), (-1, 2)), 2, axis=0)
    return np.column_stack([twice[1:, 0], twice[:-1, 1]])


def as_drawn(places: Iterable[float], cost: Cost) -> list[float]:
    """Return coordinates of the cost as numbers; a log axis computes logarithms itself."""
    return [float(10**place if cost.log else place) for place in places]


def shorter_line(trials: Sequence[TrialRecord], objectives: Objectives) -> list[Line]:
    """Return the line of dense training cut short, if a search has such references.

    At each cost it has the best score of those references that are dense trainings and cost no
    more, from the cheapest of them to the most expensive.
    """
    dense = [trial for trial in finished(trials) if is_dense_reference(trial)]
    spots = np.array(sorted(point(trial, objectives) for trial in dense))
    spots = spots[np.isfinite(spots).all(axis=1)] if len(spots) else spots
    if len(spots) < 2:
        return []
    spots[:, 1] = np.maximum.accumulate(spots[:, 1])
    line = steps(spots.tolist())
    x, y = as_drawn(line[:, 0], objectives.cost), list(line[:, 1])
    return [Line(x=x, y=y, name=SHORTER, colour=FADED, width=1.5, dash="dot")]


def is_dense_reference(trial: TrialRecord) -> bool:
    """Return whether a trial is a reference that trains the whole network on all data."""
    config = trial.config
    if config is None or not trial.reference:
        return False
    return config.coreset.fraction == 1.0 and not config.prune.traits.prunes
