"""The search space in Optuna's terms: configurations from its parameters, and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from search.space import Choices, Domain, Range
from search.study import Study, parse_study
from swast.config import TrainConfig

RANGE = "range"


@lru_cache
def study_of(name: str, source: str) -> Study:
    """The study of a name, from the text of its file."""
    return parse_study(name, source)


def every_parameter(study: Study) -> dict[str, BaseDistribution]:
    """The parameters of every part of a study."""
    domains = [each for part in study.parts for each in part.domains]
    return {key: made for each in domains for key, made in distributions(each).items()}


def sample(study: Study, count: int, seed: int) -> list[TrainConfig]:
    """Configurations drawn evenly from a study's space, for pricing."""
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [draw(drawn.ask(), study) for _ in range(count)]


def draw(trial: Trial, study: Study) -> TrainConfig:
    """A configuration of a study's space, its values from Optuna.

    The fields on which branches hang come first, then what the branches that hold leave to search.
    """
    values = {each.path: suggest(trial, each) for each in study.conditions}
    for domain in study.part(values).domains:
        if domain.path not in values:
            values[domain.path] = suggest(trial, domain)
    return study.configure(values)


def inside(study: Study, config: TrainConfig) -> bool:
    """Whether a configuration could have been sampled.

    Each field searched in its part of the space is within its domain there, and each one that only
    other parts search has the value that is fixed for it.
    """
    part = study.part_of(config)
    return all(each.values.contains(config.value(each.path)) for each in part.domains) and all(
        config.value(path) == value for path, value in study.settled(part).items()
    )


def parameters(study: Study, config: TrainConfig) -> dict[str, object]:
    """Optuna's parameters under which `draw` gives a configuration; none if it never would."""
    if not inside(study, config):
        return {}
    found: dict[str, object] = {}
    for domain in study.part_of(config).domains:
        found.update(fixed_parameters(domain, config.value(domain.path)))
    return found


def suggest(trial: Trial, domain: Domain) -> Any:  # noqa: ANN401
    """A value of one field, from Optuna."""
    name, made = domain.parameter, distributions(domain)
    if f"{name}?" in made:
        picked = trial.suggest_categorical(f"{name}?", made[f"{name}?"].choices)
        if picked != RANGE:
            return picked
    one = made[name]
    if isinstance(one, CategoricalDistribution):
        return trial.suggest_categorical(name, one.choices)
    if isinstance(one, IntDistribution):
        return trial.suggest_int(name, one.low, one.high, step=one.step, log=one.log)
    return trial.suggest_float(name, one.low, one.high, step=one.step, log=one.log)


def distributions(domain: Domain) -> dict[str, Any]:
    """Optuna's parameters for one field: itself, and which of its further values, if it has any.

    A range with further values has a parameter ``name?`` that says which of them, or the range.
    """
    name, values = domain.parameter, domain.values
    if isinstance(values, Choices):
        return {name: CategoricalDistribution(values.values)}
    found: dict[str, Any] = {}
    if values.also:
        found[f"{name}?"] = CategoricalDistribution((RANGE, *values.also))
    if values.whole:
        low, high, step = int(values.low), int(values.high), int(values.step or 1)
        found[name] = IntDistribution(low, high, log=values.log, step=step)
    else:
        found[name] = FloatDistribution(values.low, values.high, log=values.log, step=values.step)
    return found


def fixed_parameters(domain: Domain, value: object) -> Mapping[str, object]:
    """Optuna's parameters under which `suggest` gives a value."""
    name = domain.parameter
    if isinstance(domain.values, Range) and domain.values.also:
        if value in domain.values.also:
            return {f"{name}?": value}
        return {f"{name}?": RANGE, name: value}
    return {name: value}
