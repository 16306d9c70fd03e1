"""Optuna's sampler of the most improvement that is to be expected at a cost that is known."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search.ehvi.costs import Prices
from search.ehvi.lessons import Seen
from search.ehvi.proposer import Proposer
from search.parameters import study_of

Array = NDArray[np.float64]


class Ehvi(BaseSampler):
    """Proposes what is expected to add most to the hypervolume, at its known cost.

    The first trials fill the space evenly. A running trial counts as if it had come to what is
    expected of it. Where no prices are told they are learnt from finished trials.

    Proposals follow from the seed, from the trial's number, and from what was told in the order in
    which it was. A sampler made anew, as that of a resumed search, has another seed (see
    `search.trials`) and fits its hyperparameters anew.

    Args:
        seed: of what is drawn.
        startup: trials that have to have shown an accuracy before any is modelled.
    """

    def __init__(self, seed: int, startup: int) -> None:
        self._seed, self._startup = seed, startup
        self._prices: Prices | None = None
        self._random = optuna.samplers.RandomSampler(seed=seed)
        self._made: Proposer | None = None
        self._seen: dict[int, Seen] = {}

    def know_prices(self, prices: Prices) -> None:
        """Be told what configurations cost before they are trained."""
        self._prices = prices
        if self._made is not None:
            self._made.prices = prices

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Every parameter of any part of the space."""
        return self._proposer(study).points.parameters

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """The parameters of the part of the space in which the proposal lies."""
        proposer = self._proposer(study)
        seen = [
            self._see(each, proposer)
            for each in study.get_trials(deepcopy=False)
            if each.number != trial.number and each.state != TrialState.WAITING
        ]
        if sum(each.shown for each in seen) < self._startup or sum(map(teaches, seen)) < 2:
            row = self._even(len(proposer.points), trial.number)
        else:
            row = proposer.propose(seen, np.random.default_rng([self._seed, trial.number]))
        return proposer.points.parameters_at(row)[0]

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """At random, what is no parameter of the search's study."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _proposer(self, study: optuna.Study) -> Proposer:
        if self._made is None:
            kept = study.user_attrs
            self._made = Proposer(study_of(kept["study"], kept["source"]))
            self._made.prices = self._prices
        return self._made

    def _even(self, sides: int, number: int) -> Array:
        """A point of Sobol's sequence, scrambled."""
        from scipy.stats import qmc  # takes half a second, and only first trials need it

        sequence = qmc.Sobol(sides, rng=np.random.default_rng(self._seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it is balanced at powers of two alone
            return np.asarray(sequence.random(number + 1)[number])

    def _see(self, trial: FrozenTrial, proposer: Proposer) -> Seen:
        """What a trial teaches; one that has ended is looked at once."""
        if trial.number not in self._seen:
            found = seen_of(trial, proposer)
            if not trial.state.is_finished():
                return found
            self._seen[trial.number] = found
        return self._seen[trial.number]


def teaches(seen: Seen) -> bool:
    """Whether a trial is one in the space of which all is known."""
    return None not in (seen.accuracy, seen.relative) and seen.row is not None


def seen_of(trial: FrozenTrial, proposer: Proposer) -> Seen:
    """What a trial teaches."""
    kept = trial.user_attrs
    done = trial.state == TrialState.COMPLETE
    running = trial.state == TrialState.RUNNING
    row = proposer.points.row(trial.params) if trial.params else None
    relative = kept.get("outcome", {}).get("relative_flops")
    if row is not None and (done or running):
        relative = proposer.learn_cost(row, relative)
    return Seen(
        row,
        relative,
        float(trial.values[0]) if done else None,
        {int(epoch): value for epoch, value in kept.get("verdict", {}).get("rungs", {}).items()},
        running,
    )
