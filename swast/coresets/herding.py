"""herding: select samples so that their mean features stay nearest to their group's mean.

Each step adds the sample that brings the mean of the selected ones nearest to the group's mean.
(DeepCore adds the one that takes it farthest away.) Cost: k·n·2E operations per group.
Needs: features.
Source: Welling, "Herding dynamical weights to learn", ICML 2009; Chen, Welling, Smola, UAI 2010.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.features import Features


def herd(hidden: torch.Tensor, count: int) -> torch.Tensor:
    """Return the positions of ``count`` rows, in the order in which herding adds them.

    After adding row i to a sum S of t rows, the squared distance is ‖(S + h_i)/(t + 1) − μ‖². The
    i that minimises it is the one that minimises ‖h_i‖² − 2 h_i·((t + 1) μ − S).
    """
    rows = hidden.double()
    mean, total = rows.mean(dim=0), torch.zeros_like(rows[0])
    norms = rows.square().sum(dim=1)
    free = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    chosen = torch.empty(count, dtype=torch.long, device=rows.device)
    for step in range(count):
        away = norms - 2 * rows @ ((step + 1) * mean - total)
        place = away.masked_fill(~free, torch.inf).argmin()
        chosen[step], free[place] = place, False
        total += rows[place]
    return chosen


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,  # noqa: ARG001
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Select by herding in each group."""
    kept = [
        group.indices[herd(features.hidden[group.indices], group.quota)]
        for group in groups
        if group.quota
    ]
    return Coreset.of(torch.cat(kept))


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """Return the FLOPs of one product of all features with a vector per pick."""
    return sum(2 * group.quota * group.size * num_features for group in groups)


HERDING = Scorer(select, solver_flops)
