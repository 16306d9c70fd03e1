"""Scorers, which select coresets, one file each."""

from __future__ import annotations

from swast.config import ScorerName
from swast.coresets.base import (
    Coreset,
    Group,
    GroupSize,
    Scorer,
    coreset_size,
    draw_evenly,
    group_sizes,
    make_groups,
)
from swast.coresets.ccs import CCS
from swast.coresets.craig import CRAIG
from swast.coresets.el2n import EL2N
from swast.coresets.entropy import ENTROPY
from swast.coresets.forgetting import FORGETTING
from swast.coresets.glister import GLISTER
from swast.coresets.gradmatch import GRADMATCH
from swast.coresets.gradmatch_batch import GRADMATCH_BATCH
from swast.coresets.grand import GRAND
from swast.coresets.herding import HERDING
from swast.coresets.infobatch import INFOBATCH
from swast.coresets.k_center import K_CENTER
from swast.coresets.least_confidence import LEAST_CONFIDENCE
from swast.coresets.loss import LOSS
from swast.coresets.margin import MARGIN
from swast.coresets.moderate import MODERATE
from swast.coresets.random import RANDOM

__all__ = [
    "SCORERS",
    "Coreset",
    "Group",
    "GroupSize",
    "Scorer",
    "coreset_size",
    "draw_evenly",
    "group_sizes",
    "make_groups",
]

SCORERS: dict[ScorerName, Scorer] = {
    "random": RANDOM,
    "el2n": EL2N,
    "grand": GRAND,
    "loss": LOSS,
    "entropy": ENTROPY,
    "margin": MARGIN,
    "least-confidence": LEAST_CONFIDENCE,
    "forgetting": FORGETTING,
    "moderate": MODERATE,
    "herding": HERDING,
    "k-center": K_CENTER,
    "gradmatch": GRADMATCH,
    "gradmatch-batch": GRADMATCH_BATCH,
    "craig": CRAIG,
    "glister": GLISTER,
    "ccs": CCS,
    "infobatch": INFOBATCH,
}
