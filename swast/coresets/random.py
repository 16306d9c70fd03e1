"""random: an even draw without replacement, made anew every round. The baseline to beat.

Cost: nothing. Needs: labels, where balanced.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.features import Features


def select(
    features: Features,  # noqa: ARG001
    groups: Sequence[Group],
    generator: torch.Generator,
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Draw each group's quota evenly, without replacement."""
    drawn = []
    for group in groups:
        order = torch.randperm(len(group.indices), generator=generator)[: group.quota]
        drawn.append(group.indices[order.to(group.indices.device)])
    return Coreset.of(torch.cat(drawn))


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """No arithmetic."""
    return 0


RANDOM = Scorer(select, solver_flops, forward=False)
