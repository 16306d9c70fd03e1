"""k-center: farthest-first traversal, so that every sample has a chosen one near it.

Starts from the sample nearest the group's mean and adds, each time, the sample farthest from all
that were chosen: at most twice the best possible radius. Only the distance to the nearest chosen
sample is kept, n numbers. Collects outliers. Cost: k·n·2E operations a group. Needs: features.
Source: Sener & Savarese, "Active Learning for CNNs: A Core-Set Approach", ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.features import Features


def farthest_first(hidden: torch.Tensor, count: int) -> torch.Tensor:
    """Positions of ``count`` rows in farthest-first order; ties go to the lower position."""
    rows = hidden.double()
    place = (rows - rows.mean(dim=0)).square().sum(dim=1).argmin()
    nearest = torch.full((len(rows),), torch.inf, dtype=rows.dtype, device=rows.device)
    chosen = torch.empty(count, dtype=torch.long, device=rows.device)
    for step in range(count):
        chosen[step] = place
        nearest = torch.minimum(nearest, (rows - rows[place]).square().sum(dim=1))
        nearest[place] = -1
        place = nearest.argmax()
    return chosen


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,  # noqa: ARG001
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Cover each group."""
    kept = [
        group.indices[farthest_first(features.hidden[group.indices], group.quota)]
        for group in groups
        if group.quota
    ]
    return Coreset.of(torch.cat(kept))


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """One distance to all samples a pick: subtract, square and add."""
    return sum(3 * group.quota * group.size * num_features for group in groups)


K_CENTER = Scorer(select, solver_flops)
