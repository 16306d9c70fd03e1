"""Trainings of figure 4 before its searches: the paper's grid, its baselines and its rivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from studies.paper.settings import DENSE, PLAIN, SCOPES, WHOLE_DATA, Values, base
from studies.paper.study import Arms, Design, Setting

TRIM, CUT, CUT_K1 = "SWaST trim", "SWaST cut", "SWaST cut, K = 1"
CORESET, RANDOM, PRUNING, WHOLE = "coreset only", "random coresets", "pruning only", "dense"
SHARES = (0.01, 0.05, 0.1, 0.3)
SPARSITIES = (0.1, 0.3, 0.5, 0.9)
SCORERS = ("gradmatch", "moderate", "el2n")
LENGTHS = {"small": (30, 15, 9, 5), "paper": (200, 100, 60, 30)}
"""Epochs of trainings on all data, the usual number first."""
SHORTER = {"small": (20, 10, 7, 3, 2, 1), "paper": (133, 67, 45, 20, 13, 7)}
"""Further, fewer epochs of dense training, from two thirds to a thirtieth."""
SHORT: Values = {"warmup_epochs": 1, "interval": 1}
"""Schedule of trainings on all data for fewer epochs."""
LIKE_THE_SEARCH: Mapping[str, Values] = {
    "small": {},
    "paper": {"epochs": 200, "warmup_epochs": 10},
}
SPACES = {"small": "digits", "paper": "cifar10-resnet18"}
"""Shipped studies to search."""
DEFAULTS = "the paper's defaults"
WARM, SHORT_DENSE = "the paper's cut with K = 1", "train shorter"
SIDES = {
    DEFAULTS: (TRIM, CUT),
    WARM: (CUT_K1,),
    SHORT_DENSE: (WHOLE,),
    CORESET: (CORESET,),
    RANDOM: (RANDOM,),
    "pruning only and dense": (PRUNING, WHOLE),
}
"""Families of arms that choose a front together."""
RIVALS = {DEFAULTS: DEFAULTS, WARM: WARM, SHORT_DENSE: "dense training for fewer epochs"}
"""Sides that the searched fronts are compared with member by member, in words."""


def design(setting: Setting) -> Design:
    """Return all trainings but the searches: the paper's grid, and its baselines."""
    named = {**grid(), **coresets(), **whole_data(LENGTHS[setting.scale])}
    named |= {
        f"{WHOLE}: T = {length}": {"epochs": length, **SHORT, **DENSE, **WHOLE_DATA}
        for length in SHORTER[setting.scale]
    }
    common = LIKE_THE_SEARCH[setting.scale]
    arms = {name: base(setting, values={**common, **values}) for name, values in named.items()}
    return Design(arms, setting.seeds)


def grid() -> dict[str, Values]:
    """Return the paper's defaults: trim and cut, and cut after a warm-up of one epoch."""
    short: Values = {"warmup_epochs": 1}
    return {
        f"{family}: s = {share:.0%}, p = {sparsity:.0%}": {
            "prune.scope": SCOPES[variant],
            "prune.sparsity": sparsity,
            "coreset.fraction": share,
            **(short if family == CUT_K1 else {}),
        }
        for family, variant in ((TRIM, "trim"), (CUT, "cut"), (CUT_K1, "cut"))
        for share, sparsity in product(SHARES, SPARSITIES)
    }


def coresets() -> dict[str, Values]:
    """Return the dense network on coresets, chosen and redrawn at random."""
    return {
        f"{RANDOM if scorer == 'random' else CORESET}: {scorer}, s = {share:.0%}": {
            "coreset.scorer": scorer,
            "coreset.fraction": share,
            **DENSE,
            **PLAIN,
        }
        for scorer, share in product((*SCORERS, "random"), SHARES)
    }


def whole_data(lengths: Sequence[int]) -> dict[str, Values]:
    """Return trainings on all data, pruned and not, over all epochs and over fewer."""
    found: dict[str, Values] = {}
    for length in lengths:
        whole = length == lengths[0]
        epochs: Values = {} if whole else {"epochs": length, **SHORT}
        found[f"{WHOLE}: T = {length}"] = {**epochs, **DENSE, **WHOLE_DATA}
        for variant, p in product(SCOPES, SPARSITIES if whole else SPARSITIES[-1:]):
            pruned = {"prune.scope": SCOPES[variant], "prune.sparsity": p, **WHOLE_DATA}
            found[f"{PRUNING}: {variant}, p = {p:.0%}, T = {length}"] = {**epochs, **pruned}
    return found


def family(arm: str) -> str:
    """Return the family of an arm."""
    return arm.partition(":")[0]


def spent(arms: Arms) -> int:
    """Return the FLOPs of trim and cut over all seeds, without evaluation."""
    return sum(
        count
        for name, outcomes in arms.items()
        if family(name) in SIDES[DEFAULTS]
        for each in outcomes
        for term, count in each.flops.items()
        if term != "evaluation"
    )
