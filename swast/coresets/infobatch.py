"""infobatch: drop some low-loss samples at random every epoch, and give the rest larger weights.

In each group, samples are dropped at random from those with a latest loss below the group's mean,
until the quota is left. The remaining low-loss samples get the weight 1/(1 − r), where r is the
share dropped; samples above the mean keep weight 1. So the expectation of Σ w·loss over the kept
samples is the sum over all samples. A batch's loss is the mean of w·loss, not a weighted mean, so
steps get larger as they get fewer. The last eighth of the epochs trains on all data.

In the paper r is set and the number of samples follows. Here the quota is set, so that the cost is
known in advance, and r follows. If more than nine tenths of the low-loss samples would be dropped,
the pool is extended to samples above the mean, lowest loss first. The method is meant for
fractions of a half or more: at s the gradients of the steps grow by about 1/s.

Cost: nothing beyond training. Needs: latest training losses (3 for a sample not yet seen).
Source: Qin et al., "InfoBatch: lossless training speed up by unbiased dynamic data pruning",
ICLR 2024.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, Scorer
from swast.coresets.random import solver_flops
from swast.features import Features


def thin_out(
    losses: torch.Tensor, quota: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Drop samples of one group; return positions and weights of the rest.

    Args:
        losses: the latest loss of each sample, n.
        quota: number of samples to keep, at most n.
        generator: source of randomness for the draw.
    """
    dropped = len(losses) - quota
    under = int((losses < losses.mean()).sum())
    pool = min(len(losses), max(under, -(-dropped * 10 // 9)))
    order = losses.argsort(stable=True)
    lots = torch.randperm(pool, generator=generator).to(losses.device)
    kept = order[:pool][lots[dropped:]]
    weights = losses.new_ones(quota)
    weights[: len(kept)] = pool / max(1, pool - dropped)
    return torch.cat([kept, order[pool:]]), weights


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Drop samples below the mean loss of their group, at random."""
    seen, labels = features.memory, features.labels
    losses = torch.zeros(len(labels), device=labels.device) if seen is None else seen.losses
    indices, weights = [], []
    for group in groups:
        if group.quota:
            places, share = thin_out(losses[group.indices], group.quota, generator)
            indices.append(group.indices[places])
            weights.append(share)
    return Coreset.of(torch.cat(indices), torch.cat(weights), absolute=True)


INFOBATCH = Scorer(select, solver_flops, forward=False, dynamics=True, dynamic=True)
