"""Samplers, and the search space in Optuna's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.trial import Trial

from search.space import Choices, Domain, Range
from search.study import Study
from swast.config import TrainConfig

RANGE = "range"


def _tpe(seed: int, budget: int) -> optuna.samplers.BaseSampler:
    """TPE, with at most a third of the budget spent on start-up trials drawn at random."""
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(1, min(10, budget // 3)))


def _random(seed: int, budget: int) -> optuna.samplers.BaseSampler:  # noqa: ARG001
    return optuna.samplers.RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int, int], optuna.samplers.BaseSampler]] = {
    "tpe": _tpe,
    "random": _random,
}


def sample(study: Study, count: int, seed: int) -> list[TrainConfig]:
    """Configurations drawn evenly from a study's space, for pricing."""
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    found = []
    for _ in range(count):
        trial = drawn.ask()
        values = {domain.path: suggest(trial, domain) for domain in study.space}
        found.append(study.fixed.with_values(values))
    return found


def inside(study: Study, config: TrainConfig) -> bool:
    """Whether a configuration could have been sampled: each searched field within its domain."""
    return all(domain.values.contains(config.value(domain.path)) for domain in study.space)


def suggest(trial: Trial, domain: Domain) -> Any:  # noqa: ANN401
    """A value of one field, from Optuna."""
    path, values = domain.path, domain.values
    if isinstance(values, Choices):
        return trial.suggest_categorical(path, values.values)
    if values.also:
        picked = trial.suggest_categorical(f"{path}?", (RANGE, *values.also))
        if picked != RANGE:
            return picked
    if values.whole:
        low, high, step = int(values.low), int(values.high), int(values.step or 1)
        return trial.suggest_int(path, low, high, step=step, log=values.log)
    return trial.suggest_float(path, values.low, values.high, step=values.step, log=values.log)


def fixed_parameters(domain: Domain, value: object) -> Mapping[str, object]:
    """Optuna's parameters under which `suggest` gives a value."""
    if isinstance(domain.values, Range) and domain.values.also:
        if value in domain.values.also:
            return {f"{domain.path}?": value}
        return {f"{domain.path}?": RANGE, domain.path: value}
    return {domain.path: value}
