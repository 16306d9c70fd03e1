"""moderate: keep the samples whose distance to their class centre is nearest the median distance.

The centre is the mean of the class's features; the median is taken over the group that competes
for a quota, so per class where the coreset is balanced. (The authors' code takes coordinate-wise
medians for centres and one window over all classes.)

Cost: N·4E operations. Needs: features, labels.
Source: Xia et al., "Moderate Coreset", ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer, keep_lowest
from swast.features import Features


def distances(features: Features) -> torch.Tensor:
    """Distance of every sample's features to the mean of its class, n."""
    found = features.hidden.new_zeros(len(features.labels))
    for label in features.labels.unique():
        members = features.labels == label
        hidden = features.hidden[members]
        found[members] = torch.linalg.vector_norm(hidden - hidden.mean(dim=0), dim=1)
    return found


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,  # noqa: ARG001
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Keep each group's samples nearest its median distance."""
    away = distances(features)
    for group in groups:
        members = away[group.indices]
        if len(members):
            away[group.indices] = (members - members.quantile(0.5)).abs()
    return keep_lowest(away, groups)


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """Sum for the mean, then subtract, square and add, for each feature."""
    return sum(group.size for group in groups) * 4 * num_features


MODERATE = Scorer(select, solver_flops)
