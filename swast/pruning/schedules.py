"""How sparsity grows from 0 to its target p over the progress u in [0, 1].

Each schedule gives the share of the target that holds at u; all are 0 at u = 0 and 1 at u = 1,
but for one-shot, which is 1 from the start, and none of them ever falls.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from swast.config import ScheduleName


def one_shot(progress: float, target: float) -> float:  # noqa: ARG001
    """The whole target at once."""
    return target


def linear(progress: float, target: float) -> float:
    """p·u."""
    return target * progress


def cubic(progress: float, target: float) -> float:
    """p·(1 − (1 − u)³): fast at first. Source: Zhu & Gupta, 2017."""
    return target * (1 - (1 - progress) ** 3)


def cosine(progress: float, target: float) -> float:
    """p·(1 − cos πu)/2: slow at both ends."""
    return target * (1 - math.cos(math.pi * progress)) / 2


def exponential(progress: float, target: float) -> float:
    """1 − (1 − p)^u: every step removes the same share of what is left."""
    return 1 - math.pow(1 - target, progress)


SCHEDULES: dict[ScheduleName, Callable[[float, float], float]] = {
    "one-shot": one_shot,
    "linear": linear,
    "cubic": cubic,
    "cosine": cosine,
    "exponential": exponential,
}


def sparsity_at(schedule: ScheduleName, progress: float, target: float) -> float:
    """Sparsity at a progress u (clipped to [0, 1]) towards the target p; exactly p at u ≥ 1."""
    if progress >= 1:
        return target
    return SCHEDULES[schedule](max(progress, 0.0), target)
