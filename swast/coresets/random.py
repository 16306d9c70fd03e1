"""random: draw samples uniformly without replacement, anew every round. A baseline.

Cost: nothing. Needs: labels, if balanced.
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
    """Draw each group's quota uniformly, without replacement."""
    drawn = []
    for group in groups:
        order = torch.randperm(len(group.indices), generator=generator)[: group.quota]
        drawn.append(group.indices[order.to(group.indices.device)])
    return Coreset.of(torch.cat(drawn))


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """Return 0: a random draw needs no arithmetic."""
    return 0


RANDOM = Scorer(select, solver_flops, forward=False)
