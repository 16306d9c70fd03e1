"""k-center: farthest-first traversal, so that every sample is near a selected one.

The traversal starts from the sample nearest to the group's mean, and each step adds the sample
farthest from all selected ones. The resulting radius is at most twice the best possible one. Only
the distance to the nearest selected sample is stored, n numbers. The method tends to select
outliers. Cost: k·n·2E operations per group. Needs: features.
Source: Sener & Savarese, "Active Learning for CNNs: A Core-Set Approach", ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.features import Features


def farthest_first(hidden: torch.Tensor, count: int) -> torch.Tensor:
    """Return positions of ``count`` rows in farthest-first order; ties go to the lower one."""
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
    """Select by farthest-first traversal in each group."""
    kept = [
        group.indices[farthest_first(features.hidden[group.indices], group.quota)]
        for group in groups
        if group.quota
    ]
    return Coreset.of(torch.cat(kept))


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """Return the FLOPs of one distance to all samples per pick: subtract, square and add."""
    return sum(3 * group.quota * group.size * num_features for group in groups)


K_CENTER = Scorer(select, solver_flops)
