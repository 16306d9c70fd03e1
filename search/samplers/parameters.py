"""The search space in Optuna's terms: values from its parameters, and parameters from values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from search.study.search_space import SearchSpace
from search.study.space import Choices, Domain, Range

RANGE = "range"


def every_parameter(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the parameters of every part of a space."""
    domains = [each for part in space.parts for each in part.domains]
    return {key: made for each in domains for key, made in distributions(each).items()}


def sample(space: SearchSpace, count: int, seed: int) -> list[dict[str, Any]]:
    """Draw values evenly from a space, by dotted path."""
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [draw(drawn.ask(), space) for _ in range(count)]


def draw(trial: Trial, space: SearchSpace) -> dict[str, Any]:
    """Return values from Optuna of all fields searched in one part of a space, by dotted path.

    The fields that decide which branches hold come first.
    """
    values = {each.path: suggest(trial, each) for each in space.conditions}
    for domain in space.part(values).domains:
        if domain.path not in values:
            values[domain.path] = suggest(trial, domain)
    return values


def parameters(space: SearchSpace, values: Mapping[str, Any]) -> dict[str, object]:
    """Return Optuna's parameters under which `draw` gives values.

    Args:
        space: the space.
        values: within the space, of all fields searched in their part, by dotted path.
    """
    found: dict[str, object] = {}
    for domain in space.part(values).domains:
        found.update(fixed_parameters(domain, values[domain.path]))
    return found


def suggest(trial: Trial, domain: Domain) -> Any:  # noqa: ANN401
    """Return the value of one field, from Optuna."""
    name, made = domain.parameter, distributions(domain)
    if f"{name}?" in made:
        picked = trial.suggest_categorical(f"{name}?", made[f"{name}?"].choices)
        if picked != RANGE:
            return picked
    one = made[name]
    if isinstance(one, CategoricalDistribution):
        return value_of(trial.suggest_categorical(name, one.choices), domain)
    assert isinstance(domain.values, Range)
    if isinstance(one, IntDistribution):
        found: float = trial.suggest_int(name, one.low, one.high, step=one.step, log=one.log)
    else:
        found = trial.suggest_float(name, one.low, one.high, step=one.step, log=one.log)
    return domain.values.nearest(found)


def distributions(domain: Domain) -> dict[str, Any]:
    """Return Optuna's parameters for one field.

    A range with further values has a second parameter, ``name?``: one of these values, or the
    range.
    """
    name, values = domain.parameter, domain.values
    if isinstance(values, Choices):
        return {name: CategoricalDistribution([choice_of(value) for value in values.values])}
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
    """Return Optuna's parameters under which `suggest` gives a value."""
    name = domain.parameter
    if isinstance(domain.values, Range) and domain.values.also:
        if value in domain.values.also:
            return {f"{name}?": value}
        return {f"{name}?": RANGE, name: value}
    return {name: choice_of(value)}


def choice_of(value: object) -> Any:  # noqa: ANN401
    """Return a value as Optuna stores a choice: a list as JSON, since it knows no lists."""
    return json.dumps(value) if isinstance(value, tuple) else value


def value_of(choice: object, domain: Domain) -> Any:  # noqa: ANN401
    """Return the value of a field that Optuna's choice stands for."""
    return next(value for value in domain.values.extremes if choice_of(value) == choice)
