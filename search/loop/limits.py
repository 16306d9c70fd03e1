"""Limits of a search: the most that trials may cost, early stopping, and retries."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from search.loop.halving import Arrival, Halving
from search.trials.trial_record import TrialRecord
from swast.config import TrainConfig


@dataclass(frozen=True)
class Limits:
    """Limits of a search.

    Attributes:
        price: cost of a configuration's whole schedule before training; None if only training
            can tell.
        trial: the most that one trial may cost; infinite for no limit.
        total: the most that all trials may cost together; infinite for no limit.
        stopping: stops trials early; None stops none.
        retries: number of times that a failed trial is retried from its last checkpoint.
    """

    price: Callable[[TrainConfig], float] | None = None
    trial: float = math.inf
    total: float = math.inf
    stopping: Stopping | None = None
    retries: int = 0

    def price_if_needed(self, config: TrainConfig) -> float | None:
        """Return the cost of a configuration if any limit depends on it."""
        needed = self.trial < math.inf or self.total < math.inf or self.stopping is not None
        return self.price(config) if needed and self.price is not None else None


@dataclass(frozen=True)
class Stopping:
    """Early stopping of trials that are behind at a rung; references are never stopped.

    Attributes:
        halving: the rungs.
    """

    halving: Halving

    def restore(self, records: Iterable[TrialRecord]) -> None:
        """Rebuild the rungs from the records of trials."""
        for record in records:
            for epoch in record.rungs:
                self.halving.restore(epoch, _arrival(record, epoch))

    def at_rung(self, record: TrialRecord) -> bool:
        """Return whether a trial has just reached a rung, with a finite score."""
        finite = record.score is not None and math.isfinite(record.score)
        if not finite or record.config is None or record.epochs in record.rungs:
            return False
        return self.halving.at_rung(record.number, record.epochs, record.config.epochs)

    def judge(
        self, record: TrialRecord, sees: Callable[[int], bool] = lambda _: True
    ) -> TrialRecord:
        """Put a trial on the rung that it has reached; return its record with the decision.

        Args:
            record: of the trial.
            sees: whether it is compared with the trial of a number; by default with all.
        """
        assert record.score is not None
        record = replace(record, rungs=record.rungs | {record.epochs: record.score})
        decision = self.halving.arrive(record.epochs, _arrival(record, record.epochs), sees)
        if decision.continues or record.reference is not None:
            return record
        return replace(record, stopped_at=record.epochs, reason=str(decision))


def _arrival(record: TrialRecord, epoch: int) -> Arrival:
    """Return a trial at a rung that it has reached."""
    return Arrival(record.number, record.rungs[epoch], record.predicted_cost or 0)
