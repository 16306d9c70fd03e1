"""Optuna's sampler of the highest expected hypervolume improvement at a known cost."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search.samplers.ehvi.lessons import Seen
from search.samplers.ehvi.proposer import Proposer
from search.samplers.problem import REPEATS, Problem

Array = NDArray[np.float64]


class Ehvi(BaseSampler):
    """Sampler of the highest expected hypervolume improvement, at each configuration's known cost.

    The first trials fill the space evenly. A running trial counts as if it had its expected score.
    Without prices, costs are learnt from finished trials.

    A proposal depends on the seed, the trial's number, and the trials so far in their order. The
    sampler of a resumed search has another seed and fits its hyperparameters anew; in a repeatable
    search each proposal does so, with one seed (see `search.samplers.in_order`).

    Args:
        problem: space, objectives and prices.
        seed: of the candidates.
        startup: trials that must have a score before the surrogate is used.
    """

    def __init__(self, problem: Problem, seed: int, startup: int) -> None:
        self._unit, self._seed, self._startup = problem.unit, seed, startup
        self._random = optuna.samplers.RandomSampler(seed=seed)
        self._proposer = Proposer(problem)
        self._seen: dict[int, Seen] = {}
        self._proposed: tuple[list[object], Array] | None = None
        self._has_learnt = False

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Return every parameter of any part of the space."""
        return self._proposer.points.parameters

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the parameters of the proposal, those of its part of the space alone."""
        row = self._row(study, trial.number)
        return self._proposer.points.parameters_at(row)[0]

    def better_again(self, study: optuna.Study) -> int | None:
        """Return the trial that deserves another reading more than a new one its first, if any."""
        number = len(study.get_trials(deepcopy=False))
        row = self._row(study, number)
        return self._proposer.better_again(row) if self._has_learnt else None

    def _row(self, study: optuna.Study, number: int) -> Array:
        """Return the point for the trial of a number, the same until a trial changes."""
        seen = self._all(study, number)
        known = [number, *((t.number, t.score, t.again, t.running, len(t.rungs)) for t in seen)]
        if self._proposed is not None and self._proposed[0] == known:
            return self._proposed[1]
        self._has_learnt = sum(map(teaches, seen)) >= 2 and (
            sum(each.shown for each in seen) >= self._startup
        )
        if self._has_learnt:
            row = self._proposer.propose(seen, np.random.default_rng([self._seed, number]))
        else:
            row = self._even(len(self._proposer.points), number)
        self._proposed = known, row
        return row

    def _all(self, study: optuna.Study, number: int) -> list[Seen]:
        """Return the trials but one of a number, those of one configuration as one."""
        found: dict[int, Seen] = {}
        for trial in study.get_trials(deepcopy=False):
            if trial.number == number or trial.state == TrialState.WAITING:
                continue
            first = found.get(trial.user_attrs.get(REPEATS, -1))
            if first is None:
                found[trial.number] = self._see(trial)
            elif trial.state == TrialState.COMPLETE:
                again = (*first.again, float(trial.values[0]))
                found[first.number] = replace(first, again=again)
            elif trial.state == TrialState.RUNNING:
                found[first.number] = replace(first, running=True)
        return list(found.values())

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """Draw a parameter that the space does not have at random."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _even(self, sides: int, number: int) -> Array:
        """Return a point of Sobol's sequence, scrambled."""
        from scipy.stats import qmc  # takes half a second, and only first trials need it

        sequence = qmc.Sobol(sides, rng=np.random.default_rng(self._seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it is balanced at powers of two alone
            return np.asarray(sequence.random(number + 1)[number])

    def _see(self, trial: FrozenTrial) -> Seen:
        """Return a trial as the proposer sees it; read a trial that has ended only once."""
        if trial.number not in self._seen:
            found = self._read(trial)
            if not trial.state.is_finished():
                return found
            self._seen[trial.number] = found
        return self._seen[trial.number]

    def _read(self, trial: FrozenTrial) -> Seen:
        done = trial.state == TrialState.COMPLETE
        running = trial.state == TrialState.RUNNING
        row = self._proposer.points.row(trial.params) if trial.params else None
        score, cost = (
            (float(trial.values[0]), trial.values[1] / self._unit) if done else (None,) * 2
        )
        if row is not None and (done or running):
            cost = self._proposer.learn_cost(row, cost)
        rungs = trial.user_attrs.get("verdict", {}).get("rungs", {})
        passed = {int(epoch): at for epoch, at in rungs.items()}
        return Seen(row, cost, score, passed, running, trial.number)


def teaches(seen: Seen) -> bool:
    """Return whether a trial is finished, in the space, and of known cost."""
    return None not in (seen.score, seen.cost) and seen.row is not None
