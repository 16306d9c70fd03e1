"""What keeps trials from being started, and what stops them on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from search.halving import Arrival, Halving
from search.records import TrialRecord
from swast.config import TrainConfig


@dataclass(frozen=True)
class Rules:
    """The rules of a search.

    Attributes:
        price: training FLOPs of a configuration's whole schedule, before it is trained.
        limit: the most that a trial of a configuration may cost; None for no limit.
        flops_budget: the most that all trials may cost together; None for no limit.
        stopping: stops trials that are behind at a rung; None stops none.
        retries: times that a trial is tried again, from its last checkpoint, after it failed.
    """

    price: Callable[[TrainConfig], int]
    limit: Callable[[TrainConfig], float] | None = None
    flops_budget: float | None = None
    stopping: Stopping | None = None
    retries: int = 0

    @property
    def ask_price(self) -> bool:
        """Whether any of them needs to know what a trial will cost."""
        rules = (self.limit, self.flops_budget, self.stopping)
        return any(rule is not None for rule in rules)


@dataclass(frozen=True)
class Stopping:
    """Stops trials that are behind at a rung. References are compared with, and never stopped.

    Attributes:
        halving: the rungs.
    """

    halving: Halving

    def restore(self, records: Iterable[TrialRecord]) -> None:
        """Rebuild the rungs from what is kept of trials."""
        for record in records:
            for epoch in record.rungs:
                self.halving.restore(epoch, _arrival(record, epoch))

    def at_rung(self, record: TrialRecord) -> bool:
        """Whether a trial has just reached a rung, with an accuracy to compare."""
        finite = record.accuracy is not None and math.isfinite(record.accuracy)
        new = record.epochs not in record.rungs
        epochs = record.config["epochs"]
        return finite and new and self.halving.at_rung(record.number, record.epochs, epochs)

    def judge(self, record: TrialRecord) -> TrialRecord:
        """Put a trial on the rung that it has reached; says in its record if that stops it."""
        assert record.accuracy is not None
        record = replace(record, rungs=record.rungs | {record.epochs: record.accuracy})
        decision = self.halving.arrive(record.epochs, _arrival(record, record.epochs))
        if decision.goes_on or record.reference is not None:
            return record
        return replace(record, stopped_at=record.epochs, reason=str(decision))


def _arrival(record: TrialRecord, epoch: int) -> Arrival:
    """A trial at a rung that it has reached."""
    return Arrival(record.number, record.rungs[epoch], record.predicted_flops or 0)
