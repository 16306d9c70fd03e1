"""Search strategies compared in `bench.search`: ours, and the alternatives."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState
from ray.tune.schedulers.async_hyperband import _Bracket
from ray.tune.schedulers.trial_scheduler import TrialScheduler

from bench.peers import from_package
from bench.record import recorded_study
from bench.replay import Strategy, World
from search.loop.halving import Arrival, Halving
from search.samplers.parameters import draw
from search.samplers.problem import Prices, Problem, Values
from search.samplers.registry import make_sampler
from swast import TrainConfig

GRACE, REDUCTION = 3, 3
"""Settings of our halving, as in the shipped studies."""
MOASHA_FOLDER = "syne_tune.optimizer.schedulers.multiobjective"


class Sampled:
    """Strategy that uses an Optuna sampler on both objectives, and stops no trial.

    Args:
        study: name of a study of recorded curves.
        sampler: Optuna's.
        shares_warmups: whether trials with the same warm-up train it once.
    """

    def __init__(self, study: str, sampler: BaseSampler, *, shares_warmups: bool = False) -> None:
        self._study, self.shares_warmups = recorded_study(study), shares_warmups
        self._optuna = optuna.create_study(sampler=sampler, directions=list(self.directions))
        self._asked: dict[int, Trial] = {}

    directions: tuple[StudyDirection, ...] = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE)

    def propose(self) -> tuple[int, TrainConfig]:
        """Return the sampler's proposal."""
        trial = self._optuna.ask()
        self._asked[trial.number] = trial
        return trial.number, self._study.configure(draw(trial, self._study.space))

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:  # noqa: ARG002
        """Return True: every trial continues."""
        return True

    def tell(self, number: int, accuracy: float | None, flops: float) -> None:
        """Mark the trial as COMPLETE with both values, or as PRUNED."""
        trial = self._asked.pop(number)
        if accuracy is None:
            self._optuna.tell(trial, state=TrialState.PRUNED)
        else:
            self._optuna.tell(trial, [accuracy, flops])


class Halved(Sampled):
    """Our strategy: successive halving for two objectives stops trials at rungs.

    Args:
        study, sampler, shares_warmups: as for `Sampled`.
        price: FLOPs of a configuration's whole schedule.
        grace, reduction: of the halving.
    """

    def __init__(
        self,
        study: str,
        sampler: BaseSampler,
        price: Callable[[TrainConfig], float],
        *,
        shares_warmups: bool,
        grace: int = GRACE,
        reduction: int = REDUCTION,
    ) -> None:
        super().__init__(study, sampler, shares_warmups=shares_warmups)
        self._price, self._halving = price, Halving(grace, reduction)
        self._prices: dict[int, float] = {}
        self._epochs = self._study.fixed.epochs

    def propose(self) -> tuple[int, TrainConfig]:
        """Return the sampler's proposal, and price it."""
        number, config = super().propose()
        self._prices[number] = self._price(config)
        return number, config

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """Return the rung's decision; True between rungs."""
        if not self._halving.at_rung(number, epoch, self._epochs):
            return True
        trial = self._asked[number]
        rungs = trial.user_attrs.get("verdict", {}).get("rungs", {})
        trial.set_user_attr("verdict", {"rungs": {**rungs, epoch: accuracy}})
        return self._halving.arrive(
            epoch, Arrival(number, accuracy, self._prices[number])
        ).continues


class StockAsha(Sampled):
    """Ray Tune's ASHA on accuracy with Optuna's TPE, both with their defaults.

    Tune's OptunaSearch marks a stopped trial as COMPLETE, with the accuracy that it had.
    """

    directions = (StudyDirection.MAXIMIZE,)

    def __init__(self, study: str, seed: int) -> None:
        super().__init__(study, optuna.samplers.TPESampler(seed=seed))
        self._bracket = _Bracket(1, self._study.fixed.epochs, reduction_factor=4, s=0)
        self._last: dict[int, float] = {}

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """Return the bracket's decision."""
        self._last[number] = accuracy
        trial = SimpleNamespace(trial_id=str(number))
        action = self._bracket.on_result(trial, epoch, accuracy)
        return bool(action == TrialScheduler.CONTINUE)

    def tell(self, number: int, accuracy: float | None, flops: float) -> None:  # noqa: ARG002
        """Mark the trial as COMPLETE, even if it was stopped."""
        value = self._last[number] if accuracy is None else accuracy
        self._optuna.tell(self._asked.pop(number), value)


class Moasha(Sampled):
    """Syne Tune's MOASHA over random configurations, on error and final FLOPs.

    Args:
        study: name of a study of recorded curves.
        seed: of the random configurations.
        price: FLOPs of a configuration's whole schedule.
        repaired: whether its sorted indices are converted to ranks, which its brackets expect.
    """

    def __init__(
        self, study: str, seed: int, price: Callable[[TrainConfig], float], *, repaired: bool
    ) -> None:
        super().__init__(study, optuna.samplers.RandomSampler(seed=seed))
        priority = from_package("syne-tune", f"{MOASHA_FOLDER}.multiobjective_priority")
        brackets = from_package("syne-tune", "syne_tune.optimizer.schedulers.asha")
        self._price, self._prices = price, dict[int, float]()
        order = priority.NonDominatedPriority()
        self._bracket = brackets.Bracket(
            1, self._study.fixed.epochs, 3, 0, (lambda x: ranked(order(x))) if repaired else order
        )

    def propose(self) -> tuple[int, TrainConfig]:
        """Return a random configuration, and price it."""
        number, config = super().propose()
        self._prices[number] = self._price(config)
        return number, config

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """Return the bracket's decision."""
        metrics = {"error": 1 - accuracy, "flops": self._prices[number]}
        return bool(self._bracket.on_result(number, epoch, metrics) == "CONTINUE")


def ranked(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Convert sorted indices to the rank of each index."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks


STOCK: dict[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
}
"""Optuna's samplers with their defaults."""


def make(name: str, world: World, study: str, seed: int, trials: int) -> Strategy:
    """Return a strategy: ``optuna:SAMPLER``, ``asha``, ``moasha``, ``moasha:repaired``, or ours.

    Ours are ``ours:SAMPLER`` with halving and shared warm-ups; ``+halving`` or ``+sharing`` keeps
    only one of the two: ``ours:tpe+halving``.

    Args:
        name: of the strategy.
        world: prices configurations.
        study: name of a study of recorded curves.
        seed: of all random draws.
        trials: planned number of trials of the search.
    """
    family, _, rest = name.partition(":")
    if family == "optuna":
        return Sampled(study, STOCK[rest](seed))
    if family == "asha":
        return StockAsha(study, seed)
    if family == "moasha":
        return Moasha(study, seed, world.price, repaired=rest == "repaired")
    kind, _, part = rest.partition("+")
    sampler = make_sampler(kind, problem_of(world, study), seed, trials)
    if part == "sharing":
        return Sampled(study, sampler, shares_warmups=True)
    return Halved(study, sampler, world.price, shares_warmups=part != "halving")


def problem_of(world: World, study: str) -> Problem:
    """Return a study's problem with the prices of its recorded world."""
    found = recorded_study(study)
    unit = world.dense(found.dense)

    def relative(values: Values) -> float:
        return world.price(found.configure(values)) / unit

    return Problem(found.space, found.objectives, unit, Prices(relative))
