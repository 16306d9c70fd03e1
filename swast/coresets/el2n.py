"""el2n: keep the samples with the largest error norm ‖softmax(z_i) − onehot(y_i)‖₂.

Scored with the current network at every round, as SWaST does; the original averages over several
networks early in training. Under label noise the largest norms are the noisy labels.

Cost: N·3C operations. Needs: logits, labels.
Source: Paul, Ganguli, Dziugaite, "Deep Learning on a Data Diet", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.coresets.base import Coreset, Group, GroupSize, Scorer, keep_lowest
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """EL2N of every sample, n."""
    norms: torch.Tensor = torch.linalg.vector_norm(features.errors, dim=1)
    return norms


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,  # noqa: ARG001
) -> Coreset:
    """Keep each group's hardest samples."""
    return keep_lowest(-scores(features), groups)


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:  # noqa: ARG001
    """Subtract, square and add, for each logit."""
    return sum(group.size for group in groups) * 3 * num_classes


EL2N = Scorer(select, solver_flops)
