"""Coreset scorers, one file each."""

from __future__ import annotations

from swast.config import ScorerName
from swast.coresets.base import (
    Coreset,
    Group,
    GroupSize,
    Scorer,
    coreset_size,
    group_sizes,
    make_groups,
)
from swast.coresets.el2n import EL2N
from swast.coresets.gradmatch import GRADMATCH
from swast.coresets.moderate import MODERATE
from swast.coresets.random import RANDOM

__all__ = [
    "SCORERS",
    "Coreset",
    "Group",
    "GroupSize",
    "Scorer",
    "coreset_size",
    "group_sizes",
    "make_groups",
]

SCORERS: dict[ScorerName, Scorer] = {
    "random": RANDOM,
    "el2n": EL2N,
    "moderate": MODERATE,
    "gradmatch": GRADMATCH,
}
