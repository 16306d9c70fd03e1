"""Wrappers that keep Optuna's samplers to the space of a study, and replace failing ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, QMCSampler
from optuna.trial import FrozenTrial, TrialState

from search.samplers.parameters import every_parameter
from search.study.search_space import SearchSpace
from swast.errors import cut, shown

Answer = TypeVar("Answer")


class _TrialsInSpace:
    """Study without the finished trials that have no parameters."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._study, name)

    def _get_trials(self, *args: Any, **kwargs: Any) -> list[FrozenTrial]:  # noqa: ANN401
        found = self._study._get_trials(*args, **kwargs)
        return [trial for trial in found if trial.params or not trial.state.is_finished()]


class InSpace(BaseSampler):
    """Sampler that does not see references outside the space, which have no parameters.

    Samplers that model parameters jointly use those that every finished trial has. One such
    reference leaves none, and the samplers would draw at random for ever.

    Args:
        inner: the sampler.
    """

    def __init__(self, inner: BaseSampler) -> None:
        self._inner = inner

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that are sampled jointly."""
        return self._inner.infer_relative_search_space(_in_space(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return their values."""
        return self._inner.sample_relative(_in_space(study), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """Return the value of another parameter."""
        return self._inner.sample_independent(
            _in_space(study), trial, param_name, param_distribution
        )

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Call the inner sampler."""
        self._inner.before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Call the inner sampler."""
        self._inner.after_trial(study, trial, state, values)


class Guarded(BaseSampler):
    """Sampler that is replaced by random draws where it fails.

    Args:
        inner: the sampler.
        name: of it, for the message.
        seed: of the random draws.
        most_values: values of a parameter that it can model; ranges with more are left to random
            draws. It would list them all in memory. None for no limit.
    """

    def __init__(
        self, inner: BaseSampler, name: str, seed: int, most_values: int | None = None
    ) -> None:
        self._inner, self._name, self._most_values = inner, name, most_values
        self._random = optuna.samplers.RandomSampler(seed=seed)
        self.trouble: str | None = None
        """The first failure in words."""

    def _attempt(self, call: Callable[[], Answer], otherwise: Callable[[], Answer]) -> Answer:
        """Return the sampler's answer; if it fails, store why and return another answer.

        Warnings of its libraries are about their numerics, which no user can change.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return call()
        except Exception as error:  # noqa: BLE001 - samplers raise what their libraries raise
            cause = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
            self._fail(f"failed ({cut(cause)}); where it fails, configurations are")
            return otherwise()

    def _fail(self, what: str) -> None:
        """Store the first failure."""
        self.trouble = self.trouble or f"the sampler {self._name} {what} drawn at random"

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that are sampled jointly."""
        none: dict[str, BaseDistribution] = {}
        found = self._attempt(
            lambda: self._inner.infer_relative_search_space(study, trial), lambda: none
        )
        if self._most_values is None:
            return found
        wide = [name for name, each in found.items() if count_values(each) > self._most_values]
        if wide:
            most = f"a range of more than {self._most_values:,} values"
            self._fail(f"cannot model {', '.join(wide)}, {most}; such settings are")
        return {name: each for name, each in found.items() if name not in wide}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return their values; those that fail are drawn one by one."""

        def sample() -> dict[str, Any]:
            values = self._inner.sample_relative(study, trial, search_space)
            for name, value in values.items():
                check_within(name, value, search_space[name])
            return values

        return self._attempt(sample, dict)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """Return the value of another parameter."""
        asked = (study, trial, param_name, param_distribution)

        def sample() -> Any:  # noqa: ANN401
            value = self._inner.sample_independent(*asked)
            check_within(param_name, value, param_distribution)
            return value

        return self._attempt(sample, lambda: self._random.sample_independent(*asked))

    def better_again(self, study: optuna.Study) -> int | None:
        """Return the trial that deserves another seed more than a new trial, by the sampler.

        None if there is none, or the sampler does not compare them.
        """
        compare: Callable[[optuna.Study], int | None]
        compare = getattr(self._inner, "better_again", lambda _: None)
        nothing: int | None = None
        return self._attempt(lambda: compare(study), lambda: nothing)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Call the inner sampler."""
        self._attempt(lambda: self._inner.before_trial(study, trial), lambda: None)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Call the inner sampler."""
        self._attempt(lambda: self._inner.after_trial(study, trial, state, values), lambda: None)


def count_values(allowed: BaseDistribution) -> float:
    """Return the number of values of a range of whole numbers or of steps; 0 of other ones."""
    if isinstance(allowed, IntDistribution | FloatDistribution) and allowed.step is not None:
        return (allowed.high - allowed.low) / allowed.step + 1
    return 0


def check_within(name: str, value: object, allowed: BaseDistribution) -> None:
    """Refuse a value that a parameter cannot have.

    Raises:
        ValueError: naming both.
    """
    if not allowed._contains(allowed.to_internal_repr(value)):
        raise ValueError(f"it proposed {shown(value)} for {name}")


class OverAll(InSpace):
    """Sampler over every parameter of a space, those of all branches.

    QMC's sequence is over the parameters of the first trials. Where these differ it would begin
    again and again, at the same few points.

    Args:
        inner: the sampler.
        space: the space.
    """

    def __init__(self, inner: BaseSampler, space: SearchSpace) -> None:
        super().__init__(inner)
        self._parameters = every_parameter(space)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return every parameter, from the second trial on; the first one is random."""
        found = super().infer_relative_search_space(study, trial)
        return self._parameters if found else found


class Sobol(QMCSampler):
    """Sobol's sequence, scrambled, whose points are numbered as the trials are.

    Optuna counts its points in the storage, so a trial that is proposed again would get another
    one. The first trial is random.

    Args:
        seed: of the scrambling.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, scramble=True, warn_independent_sampling=False)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the trial's point."""
        self._point = max(0, trial.number - 1)
        return super().sample_relative(study, trial, search_space)

    def _find_sample_id(self, *_: object) -> int:
        return self._point


def _in_space(study: optuna.Study) -> optuna.Study:
    return cast("optuna.Study", _TrialsInSpace(study))
