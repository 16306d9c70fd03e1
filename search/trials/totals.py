"""Costs of many trials together."""

from __future__ import annotations

from collections.abc import Sequence

from search.trials.trial_record import TrialRecord


def promised(trials: Sequence[TrialRecord]) -> float:
    """Return the cost that trials will have; open trials count with their whole schedule."""
    return sum(
        (each.predicted_cost or 0) if each.is_open else each.spent - each.shared for each in trials
    )


def spent(trials: Sequence[TrialRecord]) -> int:
    """Return the FLOPs that a search has spent, on stopped and failed trials as well.

    A warm-up that trials share is counted once.
    """
    return sum(trial.spent - trial.shared for trial in trials)
