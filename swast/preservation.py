"""State preservation: hold the network near what it said before weights and samples went.

At each round the logits z_i of the coreset are recorded before the prune step. Training then adds

    λ · mean_i KL(softmax(z_i) ‖ softmax(f_θ(x_i)))

(or the sum over the batch, as the paper writes it, with ``reduction = "sum"``: at a batch of 128
that is 128 times the mean's weight). Source: Wan et al., SWaST, AAAI 2026. A variant of ours:
with ``anchor = "first"`` every round's z_i are the first one's, recorded over all samples.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn import functional


def preservation_loss(
    logits: torch.Tensor, recorded: torch.Tensor, reduction: Literal["mean", "sum"]
) -> torch.Tensor:
    """KL(softmax(recorded) ‖ softmax(logits)), over a batch.

    Args:
        logits: the network's outputs now, B × C, with gradients.
        recorded: its outputs at the start of the round, B × C; no gradient flows into them.
        reduction: over the batch.
    """
    return functional.kl_div(
        functional.log_softmax(logits, dim=1),
        functional.log_softmax(recorded.detach(), dim=1),
        reduction="batchmean" if reduction == "mean" else "sum",
        log_target=True,
    )


def weighted_cross_entropy(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    *,
    absolute: bool = False,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Σ w_i·CE_i / Σ w_i over a batch (zero weights are allowed, but not all of them).

    Args:
        logits: the network's outputs, B × C.
        labels: B.
        weights: of the samples, B.
        absolute: the mean of w_i·CE_i instead, so that larger weights make larger steps.
        smoothing: share ε of each target spread evenly over all classes (Szegedy et al., 2016).
    """
    losses = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    total = (weights * losses).sum()
    return total / len(weights) if absolute else total / weights.sum()
