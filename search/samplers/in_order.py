"""Proposals of repeatable searches: they depend on seed, number of the trial and earlier trials.

The timing of a search cannot matter, since a proposal does not see the outcomes of the trials that
may run beside it. Nor can the history of the process: each proposal has a sampler of its own.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search.samplers.problem import REPEATS
from search.samplers.wrappers import Answer, Guarded


class InOrder(BaseSampler):
    """Sampler whose proposals are the same whatever the timing of the search.

    A proposal sees the trials before it in their order, the last ``lag - 1`` that were started of
    these as running. Without an exception the trials that it sees as ended must have ended.

    Args:
        make: returns a new sampler with a seed.
        seed: of the search.
        lag: trials at a time.
        numbered: whether the sampler tells trials apart by their numbers, so that one seed does
            for all of them; else each trial has a seed of its own.
    """

    def __init__(
        self, make: Callable[[int], Guarded], seed: int, lag: int, *, numbered: bool
    ) -> None:
        self._make, self._seed, self._lag, self._numbered = make, seed, lag, numbered
        self._current: tuple[int, Guarded, optuna.Study] | None = None
        self.trouble: str | None = None
        """The first failure of the sampler in words."""

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Make the trial's sampler, and choose what it sees."""
        self._current = trial.number, *self._made(study, trial.number)

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that are sampled jointly."""
        inner, seen = self._of(study, trial)
        return self._heard(inner, inner.infer_relative_search_space(seen, trial))

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return their values."""
        inner, seen = self._of(study, trial)
        return self._heard(inner, inner.sample_relative(seen, trial, search_space))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """Return the value of another parameter.

        It does not depend on the parameters drawn before, so a killed search may draw the rest.
        """
        _, seen = self._of(study, trial)
        inner = self._make(derived(self._seed, trial.number, param_name))
        value = inner.sample_independent(seen, trial, param_name, param_distribution)
        return self._heard(inner, value)

    def better_again(self, study: optuna.Study) -> int | None:
        """Return the trial that deserves another seed more than a new trial, by the sampler."""
        inner, seen = self._made(study, len(study.get_trials(deepcopy=False)))
        return self._heard(inner, inner.better_again(seen))

    def _made(self, study: optuna.Study, number: int) -> tuple[Guarded, optuna.Study]:
        """Return a new sampler for the trial of a number, and the study as it sees it."""
        seed = self._seed if self._numbered else derived(self._seed, number)
        return self._make(seed), cast("optuna.Study", _Seen(study, number, self._lag))

    def _of(self, study: optuna.Study, trial: FrozenTrial) -> tuple[Guarded, optuna.Study]:
        """Return a trial's sampler, and the study as it sees it."""
        if self._current is None or self._current[0] != trial.number:
            self.before_trial(study, trial)
        assert self._current is not None
        return self._current[1:]

    def _heard(self, inner: Guarded, answer: Answer) -> Answer:
        """Return an answer; keep the first failure of the sampler that gave it."""
        self.trouble = self.trouble or inner.trouble
        return answer


class _Seen:
    """Study as the proposal of a trial sees it."""

    def __init__(self, study: optuna.Study, number: int, lag: int) -> None:
        self._study = study
        before = [each for each in study.get_trials(deepcopy=False) if each.number < number]
        started = [each.number for each in before if not _is_rejected(each)]
        hidden = set(unseen(started, lag))
        self._trials = [_running(each) if each.number in hidden else each for each in before]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._study, name)

    def get_trials(
        self, deepcopy: bool = True, states: Iterable[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials in some states, or all."""
        return self._get_trials(deepcopy, states)

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Iterable[TrialState] | None = None,
        use_cache: bool = False,  # noqa: ARG002
    ) -> list[FrozenTrial]:
        kept = None if states is None else set(states)
        found = [each for each in self._trials if kept is None or each.state in kept]
        return copy.deepcopy(found) if deepcopy else found


def unseen(started: Sequence[int], lag: int) -> Sequence[int]:
    """Return the trials whose outcomes a proposal does not see.

    Args:
        started: numbers of the trials that were started before it, in their order.
        lag: trials at a time.
    """
    return started[max(0, len(started) - lag + 1) :]


def derived(seed: int, number: int, name: str = "") -> int:
    """Return a seed for one trial, or for one of its parameters, from the seed of a search."""
    entropy = [seed, number, zlib.crc32(name.encode())]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _is_rejected(trial: FrozenTrial) -> bool:
    """Return whether a trial was proposed and never started."""
    outcome = trial.user_attrs.get("outcome")
    return isinstance(outcome, dict) and outcome.get("rejected") is True


def _running(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial as it was while it ran."""
    found = copy.copy(trial)
    found.state, found.values, found.datetime_complete = TrialState.RUNNING, None, None
    found.user_attrs = {name: value for name, value in trial.user_attrs.items() if name == REPEATS}
    return found
