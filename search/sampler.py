"""Samplers, and the search space in Optuna's terms."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from search.space import Choices, Domain, Range
from search.study import Study, parse_study
from swast.config import TrainConfig

RANGE = "range"


def startup(budget: int) -> int:
    """Trials drawn at random before TPE or GP model anything: 10, or a third of the budget."""
    return max(1, min(10, budget // 3))


def population(budget: int) -> int:
    """Trials in a generation of NSGA-II or III: a fifth of the budget, from 4 to Optuna's 50.

    With more, a search would end in its first generation, which is random.
    """
    return max(4, min(50, budget // 5))


def _tpe(seed: int, budget: int) -> BaseSampler:
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup(budget))


def _gp(seed: int, budget: int) -> BaseSampler:
    trials = startup(budget)
    return InSpace(
        optuna.samplers.GPSampler(
            seed=seed, n_startup_trials=trials, warn_independent_sampling=False
        )
    )


def _nsga2(seed: int, budget: int) -> BaseSampler:
    return InSpace(optuna.samplers.NSGAIISampler(seed=seed, population_size=population(budget)))


def _nsga3(seed: int, budget: int) -> BaseSampler:
    return InSpace(optuna.samplers.NSGAIIISampler(seed=seed, population_size=population(budget)))


def _qmc(seed: int, budget: int) -> BaseSampler:  # noqa: ARG001
    return OverAll(
        optuna.samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)
    )


def _random(seed: int, budget: int) -> BaseSampler:  # noqa: ARG001
    return optuna.samplers.RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {
    "tpe": _tpe,
    "gp": _gp,
    "nsga2": _nsga2,
    "nsga3": _nsga3,
    "qmc": _qmc,
    "random": _random,
}


def make_sampler(name: str, seed: int, budget: int) -> BaseSampler:
    """A sampler for a search of some trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[name](seed, budget)


class _TrialsInSpace:
    """A study, without the finished trials that have no parameters."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._study, name)

    def _get_trials(self, *args: Any, **kwargs: Any) -> list[FrozenTrial]:  # noqa: ANN401
        found = self._study._get_trials(*args, **kwargs)
        return [trial for trial in found if trial.params or not trial.state.is_finished()]


class InSpace(BaseSampler):
    """A sampler that does not see the references outside the space, which have no parameters.

    Samplers that model parameters jointly look at those that every finished trial has. With one
    such reference these are none, and the samplers would draw at random for ever.

    Args:
        inner: the sampler.
    """

    def __init__(self, inner: BaseSampler) -> None:
        self._inner = inner

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that are sampled jointly."""
        return self._inner.infer_relative_search_space(_in_space(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Their values."""
        return self._inner.sample_relative(_in_space(study), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """The value of another parameter."""
        return self._inner.sample_independent(
            _in_space(study), trial, param_name, param_distribution
        )

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Pass it on."""
        self._inner.before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Pass it on."""
        self._inner.after_trial(study, trial, state, values)


class OverAll(InSpace):
    """A sampler that is told every parameter of a search, those of all branches.

    The sequence of QMC is over the parameters that the first trials happened to have; where these
    differ it would begin again and again, at the same few points.
    """

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every parameter, from the second trial on; the first one is drawn at random."""
        kept = study.user_attrs
        found = super().infer_relative_search_space(study, trial)
        if not found or "source" not in kept:
            return found
        return dict(_every_parameter(kept["study"], kept["source"]))


@lru_cache
def _every_parameter(name: str, source: str) -> dict[str, BaseDistribution]:
    """The parameters of every part of the study with this source."""
    study = parse_study(name, source)
    domains = [each for part in study.parts for each in part.domains]
    return {key: made for each in domains for key, made in distributions(each).items()}


def _in_space(study: optuna.Study) -> optuna.Study:
    return cast("optuna.Study", _TrialsInSpace(study))


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
