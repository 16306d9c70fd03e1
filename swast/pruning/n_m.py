"""n:m: keep the largest 1, 2 or 3 of every 4 consecutive weights along the input channels.

Hardware with sparse units uses this pattern: 2:4 at ``prune.sparsity`` 0.5, 3:4 at 0.25, 1:4 at
0.75. Groups of 4 follow the rows of the matrix product, with input channels adjacent at each
position of the kernel. Layers whose input channels are not a multiple of 4, often the first
convolution, stay dense, so the total sparsity may be below the target. Masks are static: chosen at
the first prune step, without straight-through gradients for masked weights.

Cost: nothing beyond training. Needs: weights.
Source: Mishra et al., "Accelerating sparse deep neural networks", 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from swast.pruning.base import Moment, Pruner

M = 4


def survivors(shape: Sequence[int], sparsity: float) -> int:
    """Return the unmasked weights of a layer: all if its inputs are not a multiple of 4."""
    size = math.prod(shape)
    return size if shape[1] % M else size * round((1 - sparsity) * M) // M


def pattern(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Return a mask of the largest of every 4 scores along dimension 1.

    Ties go to the lower index.
    """
    if scores.shape[1] % M:
        return torch.ones_like(scores, dtype=torch.bool)
    rows = scores.movedim(1, -1)
    order = rows.reshape(-1, M).argsort(dim=1, descending=True, stable=True)
    kept = torch.zeros_like(order, dtype=torch.bool)
    kept.scatter_(1, order[:, : round((1 - sparsity) * M)], value=True)
    return kept.view(rows.shape).movedim(-1, 1).contiguous()


def prune(moment: Moment) -> None:
    """Keep the largest of every four weights."""
    masks = moment.masks
    scores = {
        name: weight.detach().abs().masked_fill(~masks.alive(name), -1)
        for name, weight in masks.weights.items()
    }
    masks.replace({name: pattern(score, moment.sparsity) for name, score in scores.items()})


N_M = Pruner(prune, survivors=survivors)
