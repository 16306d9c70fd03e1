"""Estimates of a search's configurations, from all their trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from search.estimates.estimate import FEWEST, Evidence, estimate
from search.samplers.parameters import parameters
from search.samplers.points import Points
from search.trials.confirming import confirming, counted_scores
from search.trials.readings import Estimate
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, configurations
from swast.config import TrainConfig

Array = NDArray[np.float64]


class Estimator:
    """Estimator of the scores that the configurations of a search have over seeds.

    The first reading of a configuration that was confirmed does not count, neither for its mean
    nor for the noise: as the best of many it would bias both (see `confirming.counted_scores`).
    A single confirming reading leaves no deviation to learn the noise from; then the noise is that
    of other configurations, or the prior's.

    Args:
        info: the search.
    """

    def __init__(self, info: SearchInfo) -> None:
        self._study, self._samples = info.study, validation_samples(info)
        self._fewest = math.inf if info.replicates is None else FEWEST
        self._features = lru_cache(maxsize=None)(self._place)

    @cached_property
    def _points(self) -> Points:
        return Points(self._study.space)

    def __call__(self, trials: Sequence[TrialRecord]) -> Mapping[int, Estimate]:
        """Return an estimate for each configuration, by the number of its first training.

        There are none while fewer than `FEWEST` configurations are finished, and none was trained
        twice or confirmed. The front of a search that an earlier version made stays as it was,
        unless one was.
        """
        first = configurations(trials)
        readings = [list(each.values()) for each in counted_scores(trials).values()]
        known = len(first) >= self._fewest or any(len(each) > 1 for each in readings)
        known = known or any(confirming(trial) for trial in first)
        return self._estimate(first, readings) if known else {}

    def attach(self, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return trials with their estimates."""
        found = self(trials)
        return [replace(trial, estimate=found.get(trial.number)) for trial in trials]

    def _estimate(
        self, first: Sequence[TrialRecord], readings: Sequence[Sequence[float]]
    ) -> Mapping[int, Estimate]:
        features = np.array([self._features(trial.config) for trial in first])
        costs = np.array([trial.relative_cost for trial in first], dtype=float)
        made = estimate(Evidence(features, costs, readings, self._samples))
        return {
            trial.number: Estimate(
                score=float(made.score[place]),
                error=float(made.error[place]),
                low=float(made.low[place]),
                high=float(made.high[place]),
                front=float(made.front[place]),
                readings=len(readings[place]),
                spread=float(made.spread[place]),
            )
            for place, trial in enumerate(first)
        }

    def _place(self, config: TrainConfig) -> Array:
        """Return a configuration as numbers; NaN if it is outside the space."""
        study = self._study
        given = parameters(study.space, study.searched(config)) if study.contains(config) else {}
        found = self._points.features(self._points.row(given)[None])[0]
        return found if given else np.full_like(found, np.nan)


def validation_samples(info: SearchInfo) -> int | None:
    """Return the size of the validation set; None if the search does not know it."""
    known = (info.identity or {}).get("data", {}).get("val")
    return int(known[0]) if known else None
