"""magnitude: at every round, keep the largest weights that are still alive.

With a growing schedule this is gradual magnitude pruning; what is pruned stays pruned (but that
rounding may give a layer one weight back, at 0, where sparsity grows by less than a thousandth).
Source: Zhu & Gupta, "To prune, or not to prune", 2017.
"""

from __future__ import annotations

import torch

from swast.config import DistributionName
from swast.pruning.distributions import layer_survivors, num_survivors
from swast.pruning.masks import Masks, keep_largest


def magnitudes(masks: Masks, name: str) -> torch.Tensor:
    """|w| of a layer, and −1 where it is already masked, so that zeros cannot outlive it."""
    weight = masks.weights[name].detach()
    return weight.abs().masked_fill(~masks.alive(name), -1)


def prune(masks: Masks, sparsity: float, distribution: DistributionName) -> None:
    """Bring the masks to a sparsity, removing the smallest weights.

    Args:
        masks: changed in place.
        sparsity: share of all prunable weights that is masked afterwards, exactly.
        distribution: ``global`` cuts all layers at one threshold, others at fixed counts.
    """
    scores = {name: magnitudes(masks, name) for name in masks.weights}
    if distribution == "global":
        flat = torch.cat([score.flatten() for score in scores.values()])
        kept = keep_largest(flat, num_survivors(masks.num_weights, sparsity))
        parts = kept.split([score.numel() for score in scores.values()])
        masks.replace(
            {name: part.view_as(scores[name]) for name, part in zip(scores, parts, strict=True)}
        )
    else:
        counts = layer_survivors(masks.shapes, sparsity, distribution)
        masks.replace({name: keep_largest(scores[name], counts[name]) for name in scores})
