"""infobatch: every epoch, drop some samples that are learnt, and let the rest stand for them.

Of the samples in a group whose latest loss lies under the group's mean, as many are dropped at
random as leave the quota; the others of them get the weight 1/(1 − r), r being the share dropped,
and all samples above the mean stay at 1. So the sum over the kept of w·loss has the sum over all
samples as its expectation: a batch's loss is the mean of w·loss, not a weighted mean, and steps
grow as there are fewer of them. The last eighth of the epochs trains on all data.

As published, r is set and the number of samples follows; here the quota is set, so that the price
is known, and r follows. Where more would have to go than nine tenths of those under the mean, the
pool they are drawn from is widened to samples above it, lowest loss first. It is meant for
fractions of a half or more: at s the steps' gradients grow by about 1/s.

Cost: nothing beyond training. Needs: losses seen while training (3 for a sample not seen yet).
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
    """Places and weights of the samples of one group that stay.

    Args:
        losses: the latest loss of each, n.
        quota: how many stay, at most n.
        generator: draws who is dropped.
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
    """Drop samples under the mean loss of their group, at random."""
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
