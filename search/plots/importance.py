"""How much of an objective's variance each setting explains: functional ANOVA, by Optuna.

Hutter et al., An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

FEWEST = 10
"""Trials on which an importance may rest."""
MOST_WORK = 6000
"""Trees times trials: the time of an evaluation grows with it."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Importance:
    """What a setting explains of an objective.

    Attributes:
        share: of its variance among those trials, in [0, 1].
        trials: how many it rests on: those that have the setting.
    """

    share: float
    trials: int


def importances(
    places: Mapping[str, Sequence[float]], choices: Set[str], objective: Sequence[float]
) -> dict[str, Importance]:
    """The importance of every setting that enough trials have.

    A setting that some trials lack is weighed among those that have it, against the other settings
    that all of these have. One that never varies explains nothing.

    Args:
        places: of n trials each, by setting; NaN where a trial has no such setting.
        choices: the settings whose places have no order.
        objective: of the same trials, finite.
    """
    columns = {name: np.asarray(values, dtype=float) for name, values in places.items()}
    has = {name: np.isfinite(column) for name, column in columns.items()}
    groups: dict[bytes, list[str]] = defaultdict(list)
    for name, there in has.items():
        groups[there.tobytes()].append(name)
    goal = np.asarray(objective, dtype=float)
    found: dict[str, Importance] = {}
    for names in groups.values():
        there = has[names[0]]
        if there.sum() < FEWEST:
            continue
        beside = {name: each[there] for name, each in columns.items() if has[name][there].all()}
        shares = _fanova(beside, choices, goal[there])
        found |= {name: Importance(shares[name], int(there.sum())) for name in names}
    return {name: found[name] for name in places if name in found}


def _fanova(columns: Mapping[str, Array], choices: Set[str], goal: Array) -> dict[str, float]:
    """The share of every setting, of which all trials have all."""
    varied = {name: column for name, column in columns.items() if np.ptp(column) > 0}
    shares = dict.fromkeys(columns, 0.0)
    if not varied or np.ptp(goal) == 0:
        return shares
    spaces = {name: _distribution(column, name in choices) for name, column in varied.items()}
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: float(column[row]) for name, column in varied.items()},
                distributions=spaces,
                value=float(value),
            )
            for row, value in enumerate(goal)
        ]
    )
    trees = min(max(MOST_WORK // len(goal), 8), 64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = FanovaImportanceEvaluator(n_trees=trees, seed=0)
        told = get_param_importances(study, evaluator=evaluator, params=list(varied))
    return shares | {name: float(share) for name, share in told.items()}


def _distribution(column: Array, is_choice: bool) -> BaseDistribution:
    """The values of a setting in Optuna's terms."""
    if is_choice:
        return CategoricalDistribution(sorted({float(value) for value in column}))
    return FloatDistribution(float(column.min()), float(column.max()))
