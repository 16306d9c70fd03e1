"""Our search with estimates over seeds and replication, for `bench.trust`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from optuna.trial import Trial, create_trial

from bench.trust_replay import History, Shown, Strategy
from bench.trust_strategies import EveryFifth, Maker, Single, Suggestions
from search.estimates.estimate import FEWEST, Estimates
from search.estimates.noise import SeedNoise
from search.loop.limits import Limits
from search.loop.replication import Replication
from search.samplers.ehvi.beliefs import Beliefs
from search.samplers.ehvi.lessons import Seen
from search.samplers.ehvi.sampler import Ehvi
from search.samplers.points import Points
from search.samplers.problem import REPEATS, Problem, Values
from search.samplers.registry import make_sampler, startup
from search.samplers.wrappers import Guarded
from search.trials.estimated import Estimator
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord, front_of
from swast import TrainConfig

Array = NDArray[np.float64]
NO_NOISE = SeedNoise(0.0, -700.0, 0.0)
UNIT = 10**12
"""FLOPs that stand for a relative cost of 1."""
AGAIN = 1_000_000
"""Added to the numbers of further readings."""


class ReadingsAsTheyAre(Beliefs):
    """Beliefs of a search that takes readings for the truth, as ours did before estimates."""

    def _estimate(self, done: Sequence[Seen], cost: Array) -> Estimates:  # noqa: ARG002
        score = np.array([each.score for each in done], dtype=float)
        none = np.zeros_like(score)
        return Estimates(
            score=score,
            error=none,
            low=score,
            high=score,
            front=none,
            spread=none,
            logits=none,
            deviations=none,
            noise=NO_NOISE,
            near=np.arange(len(score)),
            draws=score[None],
        )


def single_reading(problem: Problem, seed: int, trials: int) -> Ehvi:
    """Return the sampler ehvi that takes readings for the truth."""
    made = Ehvi(problem, seed, startup(trials))
    inner = made._proposer
    inner._beliefs = ReadingsAsTheyAre(problem, inner.points, inner._rough)
    return made


class Proposed(Suggestions):
    """Proposals of a sampler that sees every reading."""

    def learn_first(self, score: float, cost: float) -> None:
        """Give the sampler the first reading of the last proposal."""
        self._study.tell(self._begun[-1], [score, cost])

    def learn_again(self, number: int, score: float, cost: float) -> None:
        """Give the sampler another reading of a configuration."""
        first = self._begun[number]
        self._study.add_trial(
            create_trial(
                values=[score, cost],
                params=first.params,
                distributions=first.distributions,
                user_attrs={REPEATS: first.number},
            )
        )

    def better_again(self) -> int | None:
        """Return the configuration that deserves another reading more than a new one its first."""
        assert isinstance(self._sampler, Guarded)
        found = self._sampler.better_again(self._study)
        numbers = {trial.number: number for number, trial in enumerate(self._begun)}
        return None if found is None else numbers[found]

    @property
    def proposed(self) -> list[Trial]:
        """The trial of each configuration."""
        return self._begun


class TriedEstimator(Estimator):
    """Estimator of the configurations of a replay; the seed of each is its number."""

    def __init__(self, problem: Problem, suggestions: Proposed) -> None:
        self._samples, self._fewest = problem.samples, FEWEST
        points = Points(problem.space)

        def place(config: TrainConfig) -> Any:  # noqa: ANN401
            params = suggestions.proposed[config.seed].params
            return points.features(points.row(params)[None])[0]

        self._features = place  # type: ignore[assignment]


class Replicated:
    """Our search: estimates over seeds, and replication as `search.loop.replication` decides.

    Trials that are left are the cost that is left over the mean cost of a reading after the
    start.

    Args:
        problem, sampler, seed, trials: as for `Suggestions`.
        replicates: as the option ``--replicates`` has it.
        budget: trainings that the budget is expected to allow.
    """

    plans = True

    def __init__(
        self,
        problem: Problem,
        sampler: str,
        seed: int,
        trials: int,
        *,
        replicates: str,
        budget: int,
    ) -> None:
        self._problem, self._trials = problem, budget
        self._suggestions = Proposed(problem, partial(make_sampler, sampler), seed, trials)
        self._estimator = TriedEstimator(problem, self._suggestions)
        self._info = SimpleNamespace(replicates=replicates, budget=budget)
        self._state = SearchState((), problem.objectives, self._estimator)
        self._billed = 0.0
        self._startup = startup(trials)
        self._at_startup, self._is_last = 0.0, False
        self.better_again = self._suggestions.better_again

    @property
    def info(self) -> SearchInfo:
        """What `Replication` reads of a search."""
        return cast("SearchInfo", self._info)

    def ask_again(self, number: int, config: TrainConfig, seed: int) -> int:  # noqa: ARG002
        """Return the number of a configuration, as `Replication` asks for it."""
        return number

    def next(self, history: History) -> Values | int | None:
        """Return a new configuration, or the number of a tried one to read again."""
        limits = Limits(total=UNIT * history.limit)
        replication = Replication(cast("SearchTrials", self), limits)
        replication.is_last = self._is_last
        again = replication.next(self._state, self._remaining(history))
        if again is None and not self._is_last:
            return self._suggestions.next()
        return cast("int | None", again)

    def closes(self) -> bool:
        """Keep the rest for members of the front."""
        self._is_last = True
        return True

    def _remaining(self, history: History) -> int:
        """Return the number of trainings that are left."""
        count = history.readings
        if count == self._startup:
            self._at_startup = history.spent
        if count <= self._startup:
            return max(1, self._trials - count)
        mean = (history.spent - self._at_startup) / (count - self._startup)
        return max(1, min(self._trials, int((history.limit - history.spent) / mean)))

    def tell(self, number: int, history: History) -> None:
        """Give the last reading to the sampler and to the state."""
        tried = history.tried[number]
        score, again = tried.scores[-1], len(tried.scores) - 1
        if again:
            self._suggestions.learn_again(number, score, tried.cost)
        else:
            self._suggestions.learn_first(score, tried.cost)
        self._state.put(
            TrialRecord(
                number=number + AGAIN * again,
                state="complete",
                config=TrainConfig().with_values({"seed": number}),
                repeats=number if again else None,
                score=score,
                cost=UNIT * tried.cost,
                unit=UNIT,
                bill={"training": round(UNIT * (history.spent - self._billed))},
            )
        )
        self._billed = history.spent

    def shown(self, history: History) -> list[Shown]:  # noqa: ARG002
        """Return the front of the estimates."""
        self._state.estimate()
        return [
            Shown(each.number, each.estimate.score, (each.estimate.low, each.estimate.high))
            if each.estimate
            else Shown(each.number, each.score or 0.0)
            for each in front_of(self._state.trials, self._problem.objectives)
        ]


def sampler_of(name: str) -> Maker:
    """Return how a sampler is made that takes readings for the truth."""
    if name == "ehvi":
        return single_reading
    return partial(make_sampler, name)


def make(name: str, problem: Problem, seed: int, trials: int, budget: int) -> Strategy:
    """Return a strategy: a sampler's name, alone or with ``+fifth``, ``+auto``, ``+0`` or ``+N``.

    Args:
        name: of the strategy.
        problem: space, objectives and prices.
        seed: of the sampler.
        trials: number that its sampler plans for.
        budget: trainings that the budget is expected to allow.
    """
    sampler, _, repeats = name.partition("+")
    if repeats in ("", "fifth"):
        kind = EveryFifth if repeats else Single
        return kind(problem, sampler_of(sampler), seed, trials)
    return Replicated(problem, sampler, seed, trials, replicates=repeats, budget=budget)
