"""What a pruner is: a moment in training in, masks out."""

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
    """What a pruner may look at.

    Attributes:
        model: the network; a pruner leaves it, and its gradients, as they are.
        masks: what lives now; a pruner changes it in place.
        sparsity: share of all prunable weights to be masked afterwards, in [0, 1).
        distribution: how that is spread over the layers.
        generator: the only source of randomness.
        images: a balanced batch for saliency, normalised, b × channels × height × width; none
            (b = 0) for pruners that ask for no data.
        labels: its labels, b.
    """

    model: nn.Module
    masks: Masks
    sparsity: float
    distribution: DistributionName
    generator: torch.Generator
    images: torch.Tensor
    labels: torch.Tensor


Growth = Callable[[torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor]
"""How much each weight of a layer deserves to live, not negative: from its weight tensor (with the
dense gradient in ``.grad``), its mask and a generator."""


@dataclass(frozen=True)
class Pruner:
    """A way to remove weights.

    Attributes:
        prune: brings the masks to the moment's sparsity, at a prune step; None where whole
            channels are removed and there is nothing to mask.
        grow: on line, which dead weights come alive in place of the smallest living ones; None
            where masks rest between prune steps.
        uses_gradient: whether ``grow`` needs the dense gradient, which the ledger bills.
        on_line: whether on-line updates also prune to what the schedule asks for by then.
        update_fraction: share of a layer's weights that the first update replaces, by default.
        final_fraction: share of that share that the last one replaces.
        batch: samples of the balanced batch that ``prune`` looks at.
        saliency_samples: samples whose forward and backward pass ``prune`` costs, from the size
            of that batch.
        survivors: living weights of a layer, from its shape and the sparsity; None where they
            depend on the distribution over the layers.
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
    """Masks of an exact sparsity under which the largest scores among the living live on.

    Args:
        scores: by layer name, not negative, not NaN; ties go to the earlier layer and the lower
            index.
        alive: the masks in force; the dead come last whatever their score.
        sparsity: share of all weights to be masked.
        distribution: ``global`` cuts all layers at one threshold, others at a count each.
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
    """Bring the masks to the moment's sparsity by scores as `most_salient` takes them."""
    alive = {name: moment.masks.alive(name) for name in scores}
    moment.masks.replace(most_salient(scores, alive, moment.sparsity, moment.distribution))
