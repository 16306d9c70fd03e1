"""Samplers: what proposes configurations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Protocol, cast, runtime_checkable

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search.ehvi.costs import Prices
from search.errors import RequestError
from search.parameters import every_parameter, study_of

LEAST_EHVI = 20
"""Trials from which on `ehvi` is the default."""


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


def _ehvi(seed: int, budget: int) -> BaseSampler:
    from search.ehvi.sampler import Ehvi  # SciPy takes its time

    return Ehvi(seed, startup(budget))


SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {
    "tpe": _tpe,
    "gp": _gp,
    "ehvi": _ehvi,
    "nsga2": _nsga2,
    "nsga3": _nsga3,
    "qmc": _qmc,
    "random": _random,
}


@runtime_checkable
class KnowsPrices(Protocol):
    """A sampler that is to be told what configurations cost before they are trained."""

    def know_prices(self, prices: Prices) -> None:
        """Be told."""


def default_sampler(budget: int) -> str:
    """The sampler of a search that asks for none: ``ehvi`` where it can be had and pays.

    It finds more at every budget from 20 to 200 (bench/search.py); below it was not measured, and
    a search of a few short trials would feel the second or two that BoTorch takes to import.
    """
    return "ehvi" if budget >= LEAST_EHVI and _has_botorch() else "tpe"


def check_sampler(name: str) -> None:
    """Refuse a sampler whose library is not installed.

    Raises:
        RequestError: what to install.
    """
    if name == "ehvi" and not _has_botorch():
        raise RequestError('--sampler ehvi needs BoTorch: pip install "swast[bo]"')


def _has_botorch() -> bool:
    return find_spec("botorch") is not None


def make_sampler(name: str, seed: int, budget: int) -> BaseSampler:
    """A sampler for a search of some trials; `KnowsPrices` says what it has to be told."""
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
        return every_parameter(study_of(kept["study"], kept["source"]))


def _in_space(study: optuna.Study) -> optuna.Study:
    return cast("optuna.Study", _TrialsInSpace(study))
