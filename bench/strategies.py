"""What is compared in `bench.search`: ours, and what others would run instead."""

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
from bench.replay import Strategy, World
from search.loop.halving import Arrival, Halving
from search.samplers.ehvi.costs import Prices
from search.samplers.parameters import draw
from search.samplers.registry import KnowsPrices, make_sampler
from search.study.study_file import find_study
from swast import TrainConfig

GRACE, REDUCTION = 3, 3
"""Of our halving, as the shipped studies have it."""
MOASHA_FOLDER = "syne_tune.optimizer.schedulers.multiobjective"


class Sampled:
    """Optuna proposes, nothing is stopped; both objectives are told.

    Args:
        study: a shipped study's name.
        sampler: Optuna's.
        shares_warmups: whether trials that begin alike train their warm-up once.
    """

    def __init__(self, study: str, sampler: BaseSampler, *, shares_warmups: bool = False) -> None:
        self._study, self.shares_warmups = find_study(study), shares_warmups
        self._optuna = optuna.create_study(sampler=sampler, directions=list(self.directions))
        for key, fact in (("study", study), ("source", self._study.source)):
            self._optuna.set_user_attr(key, fact)
        self._asked: dict[int, Trial] = {}

    directions: tuple[StudyDirection, ...] = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE)

    def propose(self) -> tuple[int, TrainConfig]:
        """What the sampler asks for."""
        trial = self._optuna.ask()
        self._asked[trial.number] = trial
        return trial.number, draw(trial, self._study)

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def tell(self, number: int, accuracy: float | None, flops: float) -> None:
        """COMPLETE with both values, or PRUNED."""
        trial = self._asked.pop(number)
        if accuracy is None:
            self._optuna.tell(trial, state=TrialState.PRUNED)
        else:
            self._optuna.tell(trial, [accuracy, flops])


class Halved(Sampled):
    """Ours: stopped at rungs by successive halving for two objectives.

    Args:
        study, sampler, shares_warmups: as `Sampled`.
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
        """What the sampler asks for, priced."""
        number, config = super().propose()
        self._prices[number] = self._price(config)
        return number, config

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """As the rungs say."""
        if not self._halving.at_rung(number, epoch, self._epochs):
            return True
        trial = self._asked[number]
        rungs = trial.user_attrs.get("verdict", {}).get("rungs", {})
        trial.set_user_attr("verdict", {"rungs": {**rungs, epoch: accuracy}})
        return self._halving.arrive(epoch, Arrival(number, accuracy, self._prices[number])).goes_on


class StockAsha(Sampled):
    """Ray Tune's ASHA on accuracy under Optuna's TPE, both as they come.

    Tune's OptunaSearch tells a stopped trial COMPLETE, with the accuracy that it had.
    """

    directions = (StudyDirection.MAXIMIZE,)

    def __init__(self, study: str, seed: int) -> None:
        super().__init__(study, optuna.samplers.TPESampler(seed=seed))
        self._bracket = _Bracket(1, self._study.fixed.epochs, reduction_factor=4, s=0)
        self._last: dict[int, float] = {}

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """As the bracket says."""
        self._last[number] = accuracy
        trial = SimpleNamespace(trial_id=str(number))
        action = self._bracket.on_result(trial, epoch, accuracy)
        return bool(action == TrialScheduler.CONTINUE)

    def tell(self, number: int, accuracy: float | None, flops: float) -> None:  # noqa: ARG002
        """COMPLETE, whether it is or not."""
        value = self._last[number] if accuracy is None else accuracy
        self._optuna.tell(self._asked.pop(number), value)


class Moasha(Sampled):
    """Syne Tune's MOASHA over random configurations, on error and final FLOPs.

    Args:
        study: a shipped study's name.
        seed: of what is drawn.
        price: FLOPs of a configuration's whole schedule.
        repaired: whether its order of sorted places is turned into ranks, which its brackets take
            it for.
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
        """A random configuration, priced."""
        number, config = super().propose()
        self._prices[number] = self._price(config)
        return number, config

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """As the bracket says."""
        metrics = {"error": 1 - accuracy, "flops": self._prices[number]}
        return bool(self._bracket.on_result(number, epoch, metrics) == "CONTINUE")


def ranked(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each place, from the places in order of rank."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks


STOCK: dict[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
}
"""Optuna's samplers as they come."""


def make(name: str, world: World, study: str, seed: int, trials: int) -> Strategy:
    """A strategy by name: ``optuna:SAMPLER``, ``asha``, ``moasha``, ``moasha:repaired``, or ours.

    Ours are ``ours:SAMPLER`` with halving and shared warm-ups, ``+halving`` or ``+sharing`` with
    one of the two alone: ``ours:tpe+halving``.

    Args:
        name: of it.
        world: prices configurations.
        study: a shipped study's name.
        seed: of what is drawn.
        trials: that the search is planned for.
    """
    family, _, rest = name.partition(":")
    if family == "optuna":
        return Sampled(study, STOCK[rest](seed))
    if family == "asha":
        return StockAsha(study, seed)
    if family == "moasha":
        return Moasha(study, seed, world.price, repaired=rest == "repaired")
    kind, _, part = rest.partition("+")
    sampler = make_sampler(kind, seed, trials)
    if isinstance(sampler, KnowsPrices):
        sampler.know_prices(Prices(world.price, world.dense))
    if part == "sharing":
        return Sampled(study, sampler, shares_warmups=True)
    return Halved(study, sampler, world.price, shares_warmups=part != "halving")
