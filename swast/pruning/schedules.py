"""Sparsity schedules, from 0 to the target p over the progress u in [0, 1].

Each schedule is a function from u and p to the sparsity at u. It is 0 at u = 0, p at u = 1, and
never decreases. The exception is one-shot, which is p from the start.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from swast.config import ScheduleName


def one_shot(progress: float, target: float) -> float:  # noqa: ARG001
    """Return p at every u."""
    return target


def linear(progress: float, target: float) -> float:
    """Return p·u."""
    return target * progress


def cubic(progress: float, target: float) -> float:
    """Return p·(1 − (1 − u)³), fast at first. Source: Zhu & Gupta, 2017."""
    return target * (1 - (1 - progress) ** 3)


def cosine(progress: float, target: float) -> float:
    """Return p·(1 − cos πu)/2, slow at both ends."""
    return target * (1 - math.cos(math.pi * progress)) / 2


def exponential(progress: float, target: float) -> float:
    """Return 1 − (1 − p)^u: every step removes the same share of the remaining weights."""
    return 1 - math.pow(1 - target, progress)


SCHEDULES: dict[ScheduleName, Callable[[float, float], float]] = {
    "one-shot": one_shot,
    "linear": linear,
    "cubic": cubic,
    "cosine": cosine,
    "exponential": exponential,
}


def sparsity_at(schedule: ScheduleName, progress: float, target: float) -> float:
    """Return the sparsity at progress u, clipped to [0, 1]; exactly the target p at u ≥ 1."""
    if progress >= 1:
        return target
    return SCHEDULES[schedule](max(progress, 0.0), target)
