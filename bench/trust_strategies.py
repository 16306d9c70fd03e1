"""Strategies compared in `bench.trust`: single readings, and repeats by a fixed rule."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from bench.readings import key
from bench.trust_replay import History, Shown
from search.pareto import front
from search.samplers.parameters import draw
from search.samplers.problem import Problem, Values
from search.samplers.registry import startup

Maker = Callable[[Problem, int, int], BaseSampler]
EVERY = 5
"""Suggestions of which one is a repeat."""
MOST_REJECTED = 5
"""Proposals in a row that may be known or too expensive before they are drawn at random."""


class Suggestions:
    """Proposals of a sampler, which sees one score for each configuration.

    Args:
        problem: space, objectives and prices.
        maker: of the sampler, from the problem, a seed and the planned number of trials.
        seed: of the sampler.
        trials: planned number of trials.
    """

    def __init__(self, problem: Problem, maker: Maker, seed: int, trials: int) -> None:
        self._problem, self._maker, self._seed, self._trials = problem, maker, seed, trials
        self._random = RandomSampler(seed=seed)
        self._begun: list[Trial] = []
        self._taken: set[str] = set()
        self._begin([])

    def _begin(self, known: list[FrozenTrial]) -> None:
        """Start a study and a sampler that know some trials."""
        seed = self._seed if not known else self._seed * 1000 + len(known)
        axes = self._problem.objectives
        self._sampler = self._maker(self._problem, seed, self._trials)
        self._study = optuna.create_study(
            sampler=self._sampler, directions=[axes.score.direction, axes.cost.direction]
        )
        self._study.add_trials(known)

    def next(self) -> Values:
        """Return a new configuration within the limit of cost; others are rejected."""
        prices = self._problem.prices
        assert prices is not None
        for attempt in itertools.count():
            self._study.sampler = self._sampler if attempt < MOST_REJECTED else self._random
            trial = self._study.ask()
            values = draw(trial, self._problem.space)
            if key(values) not in self._taken and prices.price(values) <= prices.limit:
                break
            self._study.tell(trial, state=TrialState.FAIL)
        self._taken.add(key(values))
        self._begun.append(trial)
        return values

    def learn(self, history: History, scores: list[float]) -> None:
        """Give the sampler a score for each tried configuration.

        Only the last one may be new. If the others are as they were, the sampler goes on;
        otherwise a new one learns all of them.
        """
        costs = [each.cost for each in history.tried]
        before = [each.values[0] for each in self._complete()]
        if before == scores[:-1] and len(self._begun) == len(scores):
            self._study.tell(self._begun[-1], [scores[-1], costs[-1]])
            return
        self._begin(
            [
                frozen(trial, score, cost)
                for trial, score, cost in zip(self._begun, scores, costs, strict=True)
            ]
        )

    def _complete(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def frozen(trial: Trial, score: float, cost: float) -> FrozenTrial:
    """Return a finished trial with the parameters of one that was asked for."""
    distributions: dict[str, BaseDistribution] = trial.distributions
    return create_trial(values=[score, cost], params=trial.params, distributions=distributions)


class Single:
    """Search that reads each configuration once, and shows the front of the readings."""

    plans = False

    def __init__(self, problem: Problem, maker: Maker, seed: int, trials: int) -> None:
        self._suggestions = Suggestions(problem, maker, seed, trials)

    def next(self, history: History) -> Values | int | None:  # noqa: ARG002
        """Return a new configuration."""
        return self._suggestions.next()

    def closes(self) -> bool:
        """Return that it leaves the rest."""
        return False

    def tell(self, number: int, history: History) -> None:  # noqa: ARG002
        """Give the sampler the means of the readings."""
        self._suggestions.learn(history, [each.mean for each in history.tried])

    def shown(self, history: History) -> list[Shown]:
        """Return the front of the means, without errors."""
        tried = [each for each in history.tried if each.scores]
        places = front([each.mean for each in tried], [each.cost for each in tried])
        return [Shown(place, tried[place].mean) for place in places]


class EveryFifth(Single):
    """Search that repeats a member of the front at every fifth suggestion, as CARBS does.

    It repeats the member with the fewest readings, the cheapest of these. Sampler and front see
    means. Fetterman et al., Tune As You Scale: Hyperparameter Optimization For Compute Efficient
    Training, 2023.
    """

    def __init__(self, problem: Problem, maker: Maker, seed: int, trials: int) -> None:
        super().__init__(problem, maker, seed, trials)
        self._startup = startup(trials)

    def next(self, history: History) -> Values | int | None:
        """Return a new configuration, or the member to repeat."""
        count = history.readings
        if count < self._startup or count % EVERY != EVERY - 1:
            return super().next(history)
        members = [each.number for each in self.shown(history)]
        return min(members, key=lambda place: len(history.tried[place].scores))
