"""What a search found."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.info import SearchInfo
from search.pareto import front, reference_point
from search.records import (
    TrialRecord,
    flops_spent,
    front_of,
    hypervolume_of,
    stopped,
)
from search.standing import Progress, progress
from search.status import End


@dataclass(frozen=True)
class Confirmed:
    """A member of the front, trained over several seeds.

    Attributes:
        number: of the trial.
        seeds: that it was trained with, the trial's own among them.
        val_mean, val_std: validation accuracy, mean and sample standard deviation.
        test_mean, test_std: test accuracy.
        flops_mean: training FLOPs.
        on_front: whether no other member dominates it by mean validation accuracy and FLOPs.
    """

    number: int
    seeds: tuple[int, ...]
    val_mean: float
    val_std: float
    test_mean: float
    test_std: float
    flops_mean: float
    on_front: bool = False


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        info: the search.
        trials: every trial that was started, by number.
        end: ``finished``, ``paused`` if it can be gone on with, ``failed`` if no trial finished;
            ``running`` if its driver runs elsewhere, or was killed.
        interrupted: whether the user stopped it.
        seconds: wall time since it was started or resumed; None if it was only looked at.
    """

    info: SearchInfo
    trials: tuple[TrialRecord, ...]
    end: End
    interrupted: bool = False
    seconds: float | None = None

    @property
    def front(self) -> tuple[TrialRecord, ...]:
        """The finished trials that no other dominates, cheapest first."""
        return tuple(front_of(self.trials))

    @property
    def hypervolume(self) -> float:
        """See `search.pareto.hypervolume`."""
        return hypervolume_of(self.trials, self.info.study.objectives)

    @property
    def history(self) -> list[Progress]:
        """The search as its trials ended, in that order."""
        return progress(self.trials, self.info.study.objectives)

    @property
    def confirmed(self) -> tuple[Confirmed, ...]:
        """The front's members that were trained over several seeds, cheapest first."""
        return confirm(self.front)

    def table(self) -> list[dict[str, Any]]:
        """A row a trial, its searched settings beside its values; `pandas.DataFrame` takes it."""
        members = {trial.number for trial in self.front}
        return [
            {
                "trial": trial.number,
                "reference": trial.reference,
                "state": trial.state,
                "on_front": trial.number in members,
                "val_accuracy": trial.accuracy,
                "test_accuracy": trial.test_accuracy,
                "train_flops": trial.train_flops,
                "relative_flops": trial.relative_flops,
                "epochs": trial.epochs,
                "seconds": trial.seconds,
                **trial.params,
            }
            for trial in self.trials
        ]

    def to_dict(self) -> dict[str, Any]:
        """The summary, as plain values."""
        info, trials = self.info, self.trials
        return {
            "name": info.name,
            "study": info.study.name,
            "budget": info.budget,
            "sampler": info.sampler,
            "seed": info.seed,
            "end": self.end,
            "trials": [trial.to_dict() for trial in trials],
            "stopped": len(stopped(trials)),
            "front": [trial.number for trial in self.front],
            "confirmed": [asdict(each) for each in self.confirmed],
            "hypervolume": self.hypervolume,
            "reference_point": reference_point(info.study.objectives),
            "flops_spent": flops_spent(trials),
            "history": [asdict(each) for each in self.history],
            "seconds": self.seconds,
        }


def confirm(members: Sequence[TrialRecord]) -> tuple[Confirmed, ...]:
    """What further seeds say of those members of a front that have been trained with some."""
    found = [_means(member) for member in members if len(member.readings) > 1]
    left = front([each.val_mean for each in found], [each.flops_mean for each in found])
    return tuple(
        Confirmed(**asdict(each) | {"on_front": place in left}) for place, each in enumerate(found)
    )


def _means(member: TrialRecord) -> Confirmed:
    readings = list(member.readings.values())
    val = [each.val_accuracy for each in readings]
    test = [each.test_accuracy for each in readings]
    return Confirmed(
        number=member.number,
        seeds=tuple(sorted(member.readings)),
        val_mean=statistics.mean(val),
        val_std=statistics.stdev(val),
        test_mean=statistics.mean(test),
        test_std=statistics.stdev(test),
        flops_mean=statistics.mean(each.train_flops for each in readings),
    )
