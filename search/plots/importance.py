"""Share of an objective's variance that each setting explains: functional ANOVA, by Optuna.

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
"""The least number of trials for an importance."""
MOST_WORK = 6000
"""The most trees times trials of a forest, which bounds the time of an evaluation."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Importance:
    """Importance of a setting for an objective.

    Attributes:
        share: explained share of the objective's variance among the trials, in [0, 1].
        trials: number of trials that have the setting.
    """

    share: float
    trials: int


def importances(
    places: Mapping[str, Sequence[float]], choices: Set[str], objective: Sequence[float]
) -> dict[str, Importance]:
    """Return the importance of every setting that enough trials have.

    If some trials lack a setting, its importance is computed among the trials that have it,
    together with the other settings that all of these have. A setting that never varies has
    importance 0.

    Args:
        places: positions of n trials, by setting; NaN if a trial has no such setting.
        choices: the settings whose positions have no order.
        objective: finite values of the same trials.
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
    """Return the share of every setting; every trial has all of them."""
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
        explained = get_param_importances(study, evaluator=evaluator, params=list(varied))
    return shares | {name: float(share) for name, share in explained.items()}


def _distribution(column: Array, is_choice: bool) -> BaseDistribution:
    """Return the domain of a setting as Optuna's distribution."""
    if is_choice:
        return CategoricalDistribution(sorted({float(value) for value in column}))
    return FloatDistribution(float(column.min()), float(column.max()))
