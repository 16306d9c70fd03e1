"""Summary of an arm over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studies.outcomes import Outcome
from studies.statistics import collapse_rate, spread


@dataclass(frozen=True)
class ArmSummary:
    """Summary of an arm over its seeds.

    Attributes:
        accuracy: mean test accuracy; with ``spread`` (standard deviation) and ``worst``.
        collapsed: share of collapsed runs; None if no threshold applies to the arm.
        relative_flops: mean FLOPs over dense training's; ``bill``: the same by term.
        seconds: median wall time; ``cpu_seconds``: median processor time, if measured.
        noisy_share: mean share of wrong labels in the last coreset, if there was one.
        diverged: number of runs whose loss stopped being finite; they count as guessing.
    """

    accuracy: float
    spread: float
    worst: float
    collapsed: float | None
    relative_flops: float
    bill: Mapping[str, float]
    seconds: float
    cpu_seconds: float | None
    noisy_share: float | None
    diverged: int

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], threshold: float | None = None) -> ArmSummary:
        """Summarise an arm's outcomes."""
        found = accuracies(outcomes)
        shares = [each.noisy_share for each in outcomes if each.noisy_share is not None]
        times = [each.cpu_seconds for each in outcomes if each.cpu_seconds is not None]
        return cls(
            accuracy=float(np.mean(found)),
            spread=spread(found),
            worst=min(found),
            collapsed=None if threshold is None else collapse_rate(found, threshold),
            relative_flops=float(np.mean([each.relative_flops for each in outcomes])),
            bill={
                term: float(np.mean([each.flops[term] / each.dense_flops for each in outcomes]))
                for term in outcomes[0].flops
                if term != "evaluation"
            },
            seconds=float(np.median([each.seconds for each in outcomes])),
            cpu_seconds=float(np.median(times)) if times else None,
            noisy_share=float(np.mean(shares)) if shares else None,
            diverged=sum(each.diverged for each in outcomes),
        )


def accuracies(outcomes: Sequence[Outcome]) -> list[float]:
    """Return the test accuracies of an arm, in the order of its seeds."""
    return [each.test_accuracy for each in outcomes]
