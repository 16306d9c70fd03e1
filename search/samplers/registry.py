"""Samplers by name, as the option ``--sampler`` has them.

The command line reads the names, so Optuna is imported only by the function that needs it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from search.errors import RequestError

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from search.samplers.in_order import InOrder
    from search.samplers.problem import Problem
    from search.samplers.wrappers import Guarded

LEAST_EHVI = 20
"""Trials from which on `ehvi` is the default."""


def startup(budget: int) -> int:
    """Return the number of random trials before TPE, GP or ehvi model anything."""
    return max(1, min(10, budget // 3))


def population(budget: int) -> int:
    """Return the trials in a generation of NSGA-II or III: a fifth of the budget, from 4 to 50.

    With more, a search would end in its first generation, which is random.
    """
    return max(4, min(50, budget // 5))


def _tpe(_problem: Problem, seed: int, budget: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, n_startup_trials=startup(budget))


def _gp(_problem: Problem, seed: int, budget: int) -> BaseSampler:
    from optuna.samplers import GPSampler

    from search.samplers.wrappers import InSpace

    trials = startup(budget)
    return InSpace(GPSampler(seed=seed, n_startup_trials=trials, warn_independent_sampling=False))


def _nsga2(_problem: Problem, seed: int, budget: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    from search.samplers.wrappers import InSpace

    return InSpace(NSGAIISampler(seed=seed, population_size=population(budget)))


def _nsga3(_problem: Problem, seed: int, budget: int) -> BaseSampler:
    from optuna.samplers import NSGAIIISampler

    from search.samplers.wrappers import InSpace

    return InSpace(NSGAIIISampler(seed=seed, population_size=population(budget)))


def _qmc(problem: Problem, seed: int, _budget: int) -> BaseSampler:
    from search.samplers.wrappers import OverAll, Sobol

    return OverAll(Sobol(seed), problem.space)


def _random(_problem: Problem, seed: int, _budget: int) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def _ehvi(problem: Problem, seed: int, budget: int) -> BaseSampler:
    from search.samplers.ehvi.sampler import Ehvi  # SciPy takes a second to import

    return Ehvi(problem, seed, startup(budget))


SAMPLERS: dict[str, Callable[[Problem, int, int], BaseSampler]] = {
    "tpe": _tpe,
    "gp": _gp,
    "ehvi": _ehvi,
    "nsga2": _nsga2,
    "nsga3": _nsga3,
    "qmc": _qmc,
    "random": _random,
}


NUMBERED = ("ehvi", "qmc")
"""Samplers whose points are numbered as the trials are, so that one seed does for all trials."""
MOST_VALUES = {"gp": 10_000}
"""The most values of a range of whole numbers or steps that a sampler can model, if limited."""


def default_sampler(budget: int) -> str:
    """Return the default sampler: ``ehvi`` if BoTorch is installed and the budget is 20 or more.

    It finds more at every budget from 20 to 200 (bench/search.py). Smaller budgets were not
    measured, and importing BoTorch takes a second or two, which a few short trials would feel.
    """
    return "ehvi" if budget >= LEAST_EHVI and _has_botorch() else "tpe"


def check_sampler(name: str) -> None:
    """Refuse a sampler whose library is not installed.

    Raises:
        RequestError: naming the package to install.
    """
    if name == "ehvi" and not _has_botorch():
        raise RequestError('--sampler ehvi needs BoTorch: pip install "swast[bo]"')


def _has_botorch() -> bool:
    return find_spec("botorch") is not None


def make_sampler(name: str, problem: Problem, seed: int, budget: int) -> Guarded:
    """Return a sampler for a search of some trials; where it fails, it draws at random.

    Args:
        name: one of `SAMPLERS`.
        problem: space, objectives and prices.
        seed: of the sampler.
        budget: trials that the search is planned for.
    """
    from optuna.exceptions import ExperimentalWarning

    from search.samplers.wrappers import Guarded

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        inner = SAMPLERS[name](problem, seed, budget)
        return Guarded(inner, name, seed, MOST_VALUES.get(name))


def make_in_order(name: str, problem: Problem, seed: int, budget: int, lag: int) -> InOrder:
    """Return a sampler for a repeatable search with some trials at a time.

    Args:
        name: one of `SAMPLERS`.
        problem: space, objectives and prices.
        seed: of the search.
        budget: trials that the search is planned for.
        lag: trials at a time.
    """
    from search.samplers.in_order import InOrder

    return InOrder(
        lambda own: make_sampler(name, problem, own, budget),
        seed,
        lag,
        numbered=name in NUMBERED,
    )
