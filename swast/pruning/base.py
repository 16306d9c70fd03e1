"""Base of the pruning methods: their inputs, their parts, and pruning by saliency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from swast.config import DistributionName
from swast.pruning.distributions import layer_survivors, num_survivors
from swast.pruning.masks import Masks, keep_largest

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Moment:
    """Inputs of a pruner at one point of a run.

    Attributes:
        model: the network; a pruner does not change it or its gradients.
        masks: the current masks, which a pruner changes in place.
        sparsity: share of all prunable weights to be masked afterwards, in [0, 1).
        distribution: distribution of the sparsity over the layers.
        generator: the only source of randomness.
        images: a balanced batch for saliency, normalised, b × channels × height × width; empty
            (b = 0) for pruners that need no data.
        labels: labels of the batch, b.
    """

    model: nn.Module
    masks: Masks
    sparsity: float
    distribution: DistributionName
    generator: torch.Generator
    images: torch.Tensor
    labels: torch.Tensor


Growth = Callable[[torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor]
"""Function from a layer's weight tensor (with the dense gradient in ``.grad``), its mask and a
generator to growth scores, not negative: masked weights of the largest score are grown."""


@dataclass(frozen=True)
class Pruner:
    """Method of removing weights.

    Attributes:
        prune: function that brings the masks to the moment's sparsity, at a prune step; None if
            the method removes whole channels and masks nothing.
        grow: growth scores for mask updates between prune steps, which drop the smallest unmasked
            weights and grow masked ones; None if there are no such updates.
        uses_gradient: whether ``grow`` needs the dense gradient, whose cost the ledger counts.
        on_line: whether mask updates also prune to the scheduled sparsity at that step.
        update_fraction: default share of a layer's weights that the first update replaces.
        final_fraction: share that the last update replaces, relative to ``update_fraction``.
        batch: number of samples in the balanced batch for ``prune``.
        saliency_samples: function from the size of that batch to the number of samples in the
            forward and backward passes of ``prune``.
        survivors: function from a layer's shape and the sparsity to its number of unmasked
            weights; None if that depends on the distribution over the layers.
    """

    prune: Callable[[Moment], None] | None
    grow: Growth | None = None
    uses_gradient: bool = False
    on_line: bool = False
    update_fraction: float = 0.3
    final_fraction: float = 0.0
    batch: int = 0
    saliency_samples: Callable[[int], int] = lambda batch: batch
    survivors: Callable[[Sequence[int], float], int] | None = None


def most_salient(
    scores: Tensors, alive: Tensors, sparsity: float, distribution: DistributionName
) -> dict[str, torch.Tensor]:
    """Return masks of an exact sparsity that keep the unmasked weights of the largest scores.

    Args:
        scores: scores by layer name, not negative, not NaN; ties go to the earlier layer and the
            lower index.
        alive: the current masks; masked weights rank last at any score.
        sparsity: share of all weights to be masked.
        distribution: ``global`` uses one threshold for all layers, others a count per layer.
    """
    ranked = {name: score.masked_fill(~alive[name], -1) for name, score in scores.items()}
    shapes = {name: score.shape for name, score in ranked.items()}
    if distribution != "global":
        counts = layer_survivors(shapes, sparsity, distribution)
        return {name: keep_largest(ranked[name], counts[name]) for name in ranked}
    flat = torch.cat([score.flatten() for score in ranked.values()])
    parts = keep_largest(flat, num_survivors(len(flat), sparsity)).split(
        [score.numel() for score in ranked.values()]
    )
    return {name: part.view(shapes[name]) for name, part in zip(ranked, parts, strict=True)}


def keep_salient(moment: Moment, scores: Tensors) -> None:
    """Bring the masks to the moment's sparsity by scores as in `most_salient`."""
    alive = {name: moment.masks.alive(name) for name in scores}
    moment.masks.replace(most_salient(scores, alive, moment.sparsity, moment.distribution))
