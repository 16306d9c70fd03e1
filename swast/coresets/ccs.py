"""ccs: drop the hardest samples, then sample evenly over the whole range of difficulty.

In each group the share ``drop_top`` (β) with the largest error norms is dropped. The rest is
divided into 50 strata of equal width in that norm. The quota is spread over the strata as evenly
as their sizes allow, with a uniform draw within each. The authors score by accumulated margin and
use β = 0.3 for a coreset of 10 % of CIFAR-10.

Cost: N·3C operations and a sort. Needs: logits, labels.
Source: Zheng et al., "Coverage-centric Coreset Selection", ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.coresets.el2n import scores
from swast.features import Features

STRATA = 50


def spread(sizes: Sequence[int], budget: int) -> list[int]:
    """Divide a budget over strata: from the smallest up, each gets an even share of the rest.

    Args:
        sizes: samples in each stratum, summing to at least ``budget``.
        budget: samples to take.
    """
    taken = [0] * len(sizes)
    order = sorted(range(len(sizes)), key=lambda stratum: sizes[stratum])
    for done, stratum in enumerate(order):
        taken[stratum] = min(sizes[stratum], budget // (len(sizes) - done))
        budget -= taken[stratum]
    return taken


def stratified(
    hardness: torch.Tensor, quota: int, drop_top: float, generator: torch.Generator
) -> torch.Tensor:
    """Return the positions of the selected samples in a group."""
    dropped = min(int(drop_top * len(hardness)), len(hardness) - quota)
    kept = hardness.argsort(stable=True)[: len(hardness) - dropped]
    values = hardness[kept]
    low, high = values.min(), values.max()
    width = (high - low).clamp(min=torch.finfo(values.dtype).tiny)
    stratum = ((values - low) / width * STRATA).long().clamp(max=STRATA - 1)
    shuffled = torch.randperm(len(kept), generator=generator).to(kept.device)
    shares = spread(stratum.bincount(minlength=STRATA).tolist(), quota)
    return torch.cat(
        [kept[shuffled][stratum[shuffled] == place][:share] for place, share in enumerate(shares)]
    )


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,
    settings: CoresetConfig,
) -> Coreset:
    """Select by strata in each group."""
    hardness = scores(features)
    kept = [
        group.indices[
            stratified(hardness[group.indices], group.quota, settings.drop_top, generator)
        ]
        for group in groups
        if group.quota
    ]
    return Coreset.of(torch.cat(kept))


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """Return the FLOPs of the error norms."""
    return sum(group.size for group in groups) * 3 * num_classes


CCS = Scorer(select, solver_flops)
