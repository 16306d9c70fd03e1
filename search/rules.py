"""What keeps trials from being started, and what stops them on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from search.halving import Arrival, Halving
from search.records import TrialRecord
from swast.config import TrainConfig


@dataclass(frozen=True)
class Limit:
    """The most that one trial may cost.

    Attributes:
        max_flops: training FLOPs.
        price: of a configuration, before it is trained.
    """

    max_flops: float
    price: Callable[[TrainConfig], int]


@dataclass(frozen=True)
class Stopping:
    """Stops trials that are behind at a rung. References are compared with, and never stopped.

    Attributes:
        halving: the rungs.
        price: training FLOPs of a configuration's whole schedule.
    """

    halving: Halving
    price: Callable[[TrainConfig], int]

    def restore(self, records: Iterable[TrialRecord]) -> None:
        """Rebuild the rungs from what is kept of trials."""
        for record in records:
            for epoch in record.rungs:
                self.halving.restore(epoch, _arrival(record, epoch))

    def at_rung(self, record: TrialRecord) -> bool:
        """Whether a trial has just reached a rung, with an accuracy to compare."""
        finite = record.accuracy is not None and math.isfinite(record.accuracy)
        epochs = record.config["epochs"]
        return finite and self.halving.at_rung(record.number, record.epochs, epochs)

    def judge(self, record: TrialRecord) -> TrialRecord:
        """Put a trial on the rung that it has reached; says in its record if that stops it."""
        decision = self.halving.arrive(record.epochs, _arrival(record, record.epochs))
        if decision.goes_on or record.reference is not None:
            return record
        return replace(record, stopped_at=record.epochs, reason=str(decision))


def _arrival(record: TrialRecord, epoch: int) -> Arrival:
    """A trial at a rung that it has reached."""
    return Arrival(record.number, record.rungs[epoch], record.predicted_flops or 0)
