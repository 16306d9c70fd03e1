"""Result of a search."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.loop.status import End
from search.objectives import STANDARD, UNIT, Objectives
from search.trials.confirming import confirming, counted_scores
from search.trials.further import beaten_references, candidates_of, flat_estimate
from search.trials.search_info import SearchInfo
from search.trials.search_state import Progress, progress
from search.trials.totals import spent
from search.trials.trial_record import (
    TrialRecord,
    configurations,
    front_of,
    hypervolume_of,
    stopped,
)


@dataclass(frozen=True)
class Confirmed:
    """Configuration that was trained with further seeds.

    The training by which the search chose it does not count.

    Attributes:
        number: of the trial.
        seeds: of the trainings that count: those that confirm it, and its replicates.
        val_mean, val_std, val_error: their validation score: mean, sample standard deviation, and
            standard error of the mean; the last two are None for one training.
        test_mean, test_std, test_error: the same of the test score of the networks that were read
            on the test set; None if none was, as of those that are not on the front.
        tests: number of those networks.
        cost_mean: of the trainings that confirm it.
        on_front: whether it is on the front.
    """

    number: int
    seeds: tuple[int, ...]
    val_mean: float
    val_std: float | None
    val_error: float | None
    test_mean: float | None
    test_std: float | None
    test_error: float | None
    tests: int
    cost_mean: float
    on_front: bool


@dataclass(frozen=True)
class SearchResult:
    """Result of a search.

    Attributes:
        info: the search.
        trials: every trial that was started, by number.
        end: ``finished``, ``paused`` if it can be resumed, ``failed`` if no trial finished;
            ``running`` if its driver runs elsewhere, or was killed.
        interrupted: whether the user stopped it.
        seconds: wall time since it was started or resumed; None if it was only read.
    """

    info: SearchInfo
    trials: tuple[TrialRecord, ...]
    end: End
    interrupted: bool = False
    seconds: float | None = None

    @property
    def front(self) -> tuple[TrialRecord, ...]:
        """The configurations that no other dominates, cheapest first."""
        return tuple(front_of(self.trials, self.info.objectives))

    @property
    def candidates(self) -> tuple[TrialRecord, ...]:
        """The configurations that may be on the front and are no members, cheapest first."""
        return tuple(candidates_of(self.trials, self.info.objectives))

    @property
    def beaten_references(self) -> tuple[TrialRecord, ...]:
        """The finished references that are neither on the front nor candidates, cheapest first."""
        return tuple(beaten_references(self.trials, self.info.objectives))

    @property
    def hypervolume(self) -> float:
        """The hypervolume of the front (see `search.pareto.hypervolume`)."""
        return hypervolume_of(self.trials, self.info.objectives)

    @property
    def history(self) -> list[Progress]:
        """The state of the search at the end of each trial, in that order."""
        return progress(self.trials, self.info.objectives)

    @property
    def confirmed(self) -> tuple[Confirmed, ...]:
        """The configurations that were trained with further seeds, cheapest first."""
        return confirm(self.trials, self.info.objectives)

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each trial, settings beside values, as `pandas.DataFrame` takes it."""
        score, cost = self.info.objectives.score, self.info.objectives.cost
        members = {trial.number for trial in self.front}
        candidates = {trial.number for trial in self.candidates}
        return [
            {
                "trial": trial.number,
                "reference": trial.reference,
                "state": trial.state,
                "on_front": trial.number in members,
                score.metric: trial.score,
                f"test_{score.key}": trial.test_score,
                cost.absolute_key: trial.cost,
                cost.key: trial.relative_cost,
                "epochs": trial.epochs,
                "seconds": trial.seconds,
                "repeats": trial.repeats,
                "candidate": trial.number in candidates,
                **flat_estimate(trial),
                **trial.params,
            }
            for trial in self.trials
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary, as plain values."""
        info, trials = self.info, self.trials
        cost = info.objectives.cost
        return {
            "name": info.name,
            "study": info.study.name,
            "budget": info.budget,
            "sampler": info.sampler,
            "seed": info.seed,
            **({} if info.lag is None else {"lag": info.lag}),
            "end": self.end,
            "trials": [trial.to_dict(info.objectives) for trial in trials],
            "stopped": len(stopped(trials)),
            "front": [trial.number for trial in self.front],
            "candidates": [trial.number for trial in self.candidates],
            "confirmed": [
                renamed(asdict(each), cost_mean=f"{cost.name.lower()}_mean")
                for each in self.confirmed
            ],
            "hypervolume": self.hypervolume,
            "reference_point": info.objectives.reference_point,
            "cost_unit": {"name": UNIT, cost.absolute_key: info.unit},
            "flops_spent": spent(trials),
            "history": [renamed(asdict(each), spent="flops_spent") for each in self.history],
            "seconds": self.seconds,
        }


def renamed(values: dict[str, Any], **names: str) -> dict[str, Any]:
    """Return values under other names, in the same order."""
    return {names.get(name, name): value for name, value in values.items()}


def confirm(
    trials: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> tuple[Confirmed, ...]:
    """Return the means of the configurations that were trained with further seeds."""
    scores = counted_scores(trials)
    members = {member.number for member in front_of(trials, objectives)}
    found = [trial for trial in configurations(trials) if confirming(trial)]
    return tuple(
        _means(trial, scores[trial.number], on_front=trial.number in members)
        for trial in sorted(found, key=lambda trial: (trial.cost or 0, trial.number))
    )


def _means(trial: TrialRecord, scores: Mapping[int | None, float], *, on_front: bool) -> Confirmed:
    readings = confirming(trial).values()
    tests = [each.test_score for each in readings if each.test_score is not None]
    val_std, val_error = _deviations(list(scores.values()))
    test_std, test_error = _deviations(tests)
    return Confirmed(
        number=trial.number,
        seeds=tuple(sorted(seed for seed in scores if seed is not None)),
        val_mean=statistics.mean(scores.values()),
        val_std=val_std,
        val_error=val_error,
        test_mean=statistics.mean(tests) if tests else None,
        test_std=test_std,
        test_error=test_error,
        tests=len(tests),
        cost_mean=statistics.mean(each.cost for each in readings),
        on_front=on_front,
    )


def _deviations(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the sample standard deviation, and the standard error of the mean; None of one."""
    if len(values) < 2:
        return None, None
    deviation = statistics.stdev(values)
    return deviation, deviation / math.sqrt(len(values))
