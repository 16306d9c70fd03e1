"""Result of a search."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.loop.status import End
from search.objectives import STANDARD, UNIT, Objectives
from search.pareto import front
from search.trials.further import candidates_of, flat_estimate
from search.trials.search_info import SearchInfo
from search.trials.search_state import Progress, progress
from search.trials.trial_record import TrialRecord, front_of, hypervolume_of, spent, stopped


@dataclass(frozen=True)
class Confirmed:
    """Member of the front, trained with several seeds.

    Attributes:
        number: of the trial.
        seeds: of its trainings, the trial's own among them.
        val_mean, val_std: validation score, mean and sample standard deviation.
        test_mean, test_std: test score.
        cost_mean: of the trainings.
        on_front: whether no other member dominates it by mean validation score and cost.
    """

    number: int
    seeds: tuple[int, ...]
    val_mean: float
    val_std: float
    test_mean: float
    test_std: float
    cost_mean: float
    on_front: bool = False


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
    def hypervolume(self) -> float:
        """The hypervolume of the front (see `search.pareto.hypervolume`)."""
        return hypervolume_of(self.trials, self.info.objectives)

    @property
    def history(self) -> list[Progress]:
        """The state of the search at the end of each trial, in that order."""
        return progress(self.trials, self.info.objectives)

    @property
    def confirmed(self) -> tuple[Confirmed, ...]:
        """The front's members that were trained with several seeds, cheapest first."""
        return confirm(self.front, self.info.objectives)

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
    members: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> tuple[Confirmed, ...]:
    """Return the means over seeds of the members that were trained with several."""
    found = [_means(member) for member in members if len(member.readings) > 1]
    left = front(
        objectives.score.rising([each.val_mean for each in found]),
        -objectives.cost.rising([each.cost_mean for each in found]),
    )
    return tuple(
        Confirmed(**asdict(each) | {"on_front": place in left}) for place, each in enumerate(found)
    )


def _means(member: TrialRecord) -> Confirmed:
    readings = list(member.readings.values())
    val = [each.score for each in readings]
    test = [each.test_score for each in readings]
    return Confirmed(
        number=member.number,
        seeds=tuple(sorted(member.readings)),
        val_mean=statistics.mean(val),
        val_std=statistics.stdev(val),
        test_mean=statistics.mean(test),
        test_std=statistics.stdev(test),
        cost_mean=statistics.mean(each.cost for each in readings),
    )
