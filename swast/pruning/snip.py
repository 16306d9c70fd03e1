"""snip: keep the weights whose removal would change the loss most, by |w · dL/dw|.

The gradient is that of the mean cross-entropy over one balanced batch of 128 training samples, in
eval mode, so that batch-norm statistics do not change. At initialisation
(``prune.start = "init"``, one-shot, global) this is SNIP as published; at later prune steps it is
the iterative form. (Ranking by |dL/dw| alone, as in some implementations, is worse than random.)

Cost: forward and backward pass of 128 samples at every prune step. Needs: weights, gradients.
Source: Lee et al., "SNIP: single-shot network pruning based on connection sensitivity", ICLR 2019.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from swast.features import resting
from swast.pruning.base import Moment, Pruner, keep_salient

BATCH = 128


def saliency(
    model: nn.Module, weights: dict[str, torch.Tensor], images: torch.Tensor, labels: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return |w · dL/dw| by layer name."""
    with resting(model), torch.enable_grad():
        loss = functional.cross_entropy(model(images), labels)
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    return {
        name: torch.zeros_like(weight) if gradient is None else (weight * gradient).detach().abs()
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
    }


def prune(moment: Moment) -> None:
    """Remove the weights of lowest saliency."""
    keep_salient(
        moment, saliency(moment.model, moment.masks.weights, moment.images, moment.labels)
    )


SNIP = Pruner(prune, batch=BATCH)
