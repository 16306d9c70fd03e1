"""moderate: keep samples whose distance to their class centre is nearest to the median distance.

The centre is the mean of the class's features. The median is taken over the group that shares a
quota: per class if the coreset is balanced. (The authors' code uses coordinate-wise medians as
centres, and one window over all classes.)

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
    """Return the distance of every sample's features to the mean of its class, n."""
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
    """Keep the samples nearest to the median distance in each group."""
    away = distances(features)
    for group in groups:
        members = away[group.indices]
        if len(members):
            away[group.indices] = (members - members.quantile(0.5)).abs()
    return keep_lowest(away, groups)


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """Return the FLOPs of means and distances: sum, subtract, square and add per feature."""
    return sum(group.size for group in groups) * 4 * num_features


MODERATE = Scorer(select, solver_flops)
