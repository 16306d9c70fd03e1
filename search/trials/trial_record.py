"""Records of trials, whichever store they were read from, and functions over many of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search.objectives import STANDARD, Objectives
from search.pareto import POSSIBLE, front, hypervolume, knee, likely_front, ranks
from search.trials.readings import Estimate, Reading
from swast.config import TrainConfig

State = Literal["waiting", "running", "paused", "complete", "pruned", "failed"]
ENDED: tuple[State, ...] = ("complete", "pruned", "failed")
"""States of a trial that has ended."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: its number in the search, from 0.
        state: only ``complete`` trials made every epoch, and only they can be on the front;
            ``paused`` ones resume from their checkpoints.
        params: the searched settings by dotted path.
        config: the whole training configuration; None of a trial that died before it had one.
        reference: the name of the reference that it is, if it is one.
        repeats: number of the trial whose configuration it trains with another seed; None of a
            configuration's first training.
        score: on the validation set, after its last epoch.
        cost: of the whole schedule, in the unit of the cost.
        unit: the cost that counts as 1: that of dense training of the study's ``[fixed]``.
        predicted_cost: cost of the whole schedule before training, where a rule asked for it.
        epochs: epochs made.
        seconds: wall time of the training.
        bill: FLOPs so far by term.
        shared: FLOPs of the bill that other trials paid, whose warm-up it shares.
        environment: versions and hardware of its training (see `swast.environment`).
        run_id: its MLflow run.
        reason: why it failed or was stopped.
        rejected: proposed and never started: too expensive, or trained before.
        rungs: score at each rung that it reached, by epoch.
        stopped_at: epoch of the rung that stopped it, if one did.
        retries: number of times that it was retried after a failure.
        readings: its trainings that confirm it, or were read on the test set, by seed.
        estimate: the score of its configuration over seeds, if that is estimated.
        ended: when it ended, ISO 8601.
        damage: names the parts that could not be read from the storage; None if there are none.
    """

    number: int
    state: State
    params: dict[str, Any] = field(default_factory=dict)
    config: TrainConfig | None = None
    reference: str | None = None
    repeats: int | None = None
    score: float | None = None
    cost: float | None = None
    unit: float | None = None
    predicted_cost: float | None = None
    epochs: int = 0
    seconds: float | None = None
    bill: dict[str, int] = field(default_factory=dict)
    shared: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    reason: str | None = None
    rejected: bool = False
    rungs: dict[int, float] = field(default_factory=dict)
    stopped_at: int | None = None
    retries: int = 0
    readings: dict[int, Reading] = field(default_factory=dict)
    estimate: Estimate | None = None
    ended: str | None = None
    damage: str | None = None

    @property
    def is_open(self) -> bool:
        """Return whether it has begun and not ended."""
        return self.state in ("running", "paused")

    def running(self) -> TrialRecord:
        """Return the record that it had when it started."""
        return TrialRecord(
            number=self.number,
            state="running",
            params=self.params,
            config=self.config,
            reference=self.reference,
            repeats=self.repeats,
            unit=self.unit,
            predicted_cost=self.predicted_cost,
        )

    @property
    def value(self) -> float | None:
        """The score of its configuration: the estimate, else its own reading."""
        return self.score if self.estimate is None else self.estimate.score

    @property
    def relative_cost(self) -> float | None:
        """The cost over the unit."""
        return self._relative(self.cost)

    @property
    def relative_prediction(self) -> float | None:
        """The cost over the unit, as predicted for a trial that did not finish."""
        return self._relative(self.predicted_cost if self.cost is None else self.cost)

    @property
    def test_score(self) -> float | None:
        """The score on the test set, if that was read."""
        own = None if self.config is None else self.readings.get(self.config.seed)
        return None if own is None else own.test_score

    @property
    def spent(self) -> int:
        """FLOPs of its own bill so far, without evaluation."""
        return sum(value for term, value in self.bill.items() if term != "evaluation")

    @property
    def label(self) -> str:
        """A short name: its number, and the reference or the trial that it is again."""
        again = None if self.repeats is None else f"(#{self.repeats} again)"
        return " ".join(filter(None, [f"#{self.number}", self.reference, again]))

    @property
    def accuracy(self) -> float | None:
        """The score, under the name it has in a search for accuracy."""
        return self.score

    @property
    def test_accuracy(self) -> float | None:
        """The test score, under the name it has in a search for accuracy."""
        return self.test_score

    @property
    def train_flops(self) -> float | None:
        """The cost, under the name it has where training FLOPs are the cost."""
        return self.cost

    @property
    def relative_flops(self) -> float | None:
        """The relative cost, under the name it has where training FLOPs are the cost."""
        return self.relative_cost

    def to_dict(self, objectives: Objectives = STANDARD) -> dict[str, Any]:
        """Return plain values, score and cost under the keys of the objectives."""
        score, cost = objectives.score, objectives.cost
        more: dict[str, Any] = {"repeats": self.repeats, "damage": self.damage}
        if self.estimate is not None:
            more["estimate"] = self.estimate.to_dict(objectives)
        more = {name: value for name, value in more.items() if value is not None}
        return {
            "number": self.number,
            "state": self.state,
            "params": self.params,
            "config": {} if self.config is None else self.config.to_dict(),
            "reference": self.reference,
            score.key: self.score,
            cost.absolute_key: self.cost,
            cost.key: self.relative_cost,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "flops": self.bill,
            "environment": self.environment,
            "shared_flops": self.shared,
            "run_id": self.run_id,
            "reason": self.reason,
            "rejected": self.rejected,
            f"predicted_{cost.name.lower()}": self.predicted_cost,
            "rungs": self.rungs,
            "stopped_at": self.stopped_at,
            "retries": self.retries,
            "readings": {
                seed: reading.to_dict(objectives) for seed, reading in self.readings.items()
            },
            "ended": self.ended,
            f"test_{score.key}": self.test_score,
        } | more

    def _relative(self, cost: float | None) -> float | None:
        return None if cost is None or not self.unit else cost / self.unit


def finished(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials that made every epoch."""
    return [trial for trial in trials if trial.state == "complete"]


def stopped(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials that a rung stopped."""
    return [each for each in trials if each.state == "pruned" and each.stopped_at is not None]


def configurations(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the first finished training of every configuration."""
    done = finished(trials)
    numbers = {trial.number for trial in done}
    return [trial for trial in done if trial.repeats not in numbers]


def front_of(
    trials: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> list[TrialRecord]:
    """Return the configurations that no other dominates, cheapest first.

    Where scores are estimated, it is the likely front (see `search.pareto.likely_front`).
    """
    done = configurations(trials)
    known = [trial for trial in done if trial.estimate]
    if known:
        chance = [trial.estimate.front if trial.estimate else 0.0 for trial in known]
        score, cost = points(known)
        return [known[place] for place in likely_front(score, cost, chance, objectives)]
    return [done[place] for place in front(*_oriented(done, objectives))]


def contenders_of(
    trials: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> list[TrialRecord]:
    """Return the members of the front and, of estimated scores, what may be on it (`POSSIBLE`)."""
    members = front_of(trials, objectives)
    numbers = {member.number for member in members}
    found = [
        trial
        for trial in configurations(trials)
        if trial.number in numbers or (trial.estimate and trial.estimate.front >= POSSIBLE)
    ]
    return [found[place] for place in np.argsort(_oriented(found, objectives)[1], kind="stable")]


def ranks_of(
    trials: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> Mapping[int, int]:
    """Return the non-dominated rank of each configuration, by its number; 0 on the front."""
    members = {trial.number: 0 for trial in front_of(trials, objectives)}
    others = [trial for trial in configurations(trials) if trial.number not in members]
    found = ranks(*_oriented(others, objectives))
    behind = {trial.number: int(rank) + 1 for trial, rank in zip(others, found, strict=True)}
    return members | behind


def knee_of(trials: Sequence[TrialRecord], objectives: Objectives = STANDARD) -> TrialRecord:
    """Return the knee of the front of at least one finished trial (see `search.pareto.knee`)."""
    members = front_of(trials, objectives) or configurations(trials)
    score, cost = points(members)
    return members[knee(list(score), list(cost), objectives)]


def hypervolume_of(trials: Sequence[TrialRecord], objectives: Objectives = STANDARD) -> float:
    """Return the hypervolume of the configurations (see `search.pareto.hypervolume`)."""
    score, cost = points(configurations(trials))
    return hypervolume(score, cost, objectives)


def worthwhile(
    trials: Sequence[TrialRecord], objectives: Objectives = STANDARD
) -> list[TrialRecord]:
    """Return the trials whose score is worth something to the study."""
    return [
        each
        for each in trials
        if each.value is not None and objectives.score.worth(each.value) > 0
    ]


def points(done: Sequence[TrialRecord]) -> NDArray[np.float64]:
    """Return score and relative cost of configurations, 2 × n."""
    pairs = [(trial.value, trial.relative_cost) for trial in done]
    return np.array(pairs, dtype=float).reshape(-1, 2).T


def _oriented(done: Sequence[TrialRecord], objectives: Objectives) -> NDArray[np.float64]:
    """Return score (more is better) and absolute cost (less is better) of trials, 2 × n."""
    score = objectives.score.rising([math.nan if t.value is None else t.value for t in done])
    cost = objectives.cost.rising([math.nan if t.cost is None else t.cost for t in done])
    return np.stack([score, -cost])


def reading_values(
    record: TrialRecord, seed: int, reading: Reading, objectives: Objectives
) -> tuple[dict[str, float], int]:
    """Return the metrics of a reading, and their step.

    That is the last epoch for the trial's own seed, and the seed for a further one.
    """
    score = objectives.score
    if record.config is not None and seed == record.config.seed:
        values, step = {f"test_{score.key}": reading.test_score}, record.epochs
    else:
        values, step = {f"confirmed_test_{score.key}": reading.test_score}, seed
        values[f"confirmed_{score.metric}"] = reading.score
    return {name: value for name, value in values.items() if value is not None}, step
