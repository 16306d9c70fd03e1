"""State-preservation loss: a penalty for drift from the network's earlier outputs.

At each round the logits z_i of the coreset are recorded before the prune step. Training then adds

    λ · mean_i KL(softmax(z_i) ‖ softmax(f_θ(x_i)))

or, with ``reduction = "sum"``, the sum over the batch, as in the paper: at a batch of 128 that has
128 times the weight of the mean. Source: Wan et al., SWaST, AAAI 2026. Our own variant
``anchor = "first"`` uses the logits of the first round, recorded over all samples, in every round.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn import functional


def preservation_loss(
    logits: torch.Tensor, recorded: torch.Tensor, reduction: Literal["mean", "sum"]
) -> torch.Tensor:
    """Return KL(softmax(recorded) ‖ softmax(logits)), reduced over a batch.

    Args:
        logits: the network's current outputs, B × C, with gradients.
        recorded: its recorded outputs, B × C; no gradient flows into them.
        reduction: mean or sum over the batch.
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
    """Return Σ w_i·CE_i / Σ w_i over a batch; some weights may be 0, but not all.

    Args:
        logits: the network's outputs, B × C.
        labels: labels, B.
        weights: sample weights, B.
        absolute: return the mean of w_i·CE_i instead, so that larger weights make larger steps.
        smoothing: share ε of each target spread evenly over all classes (Szegedy et al., 2016).
    """
    losses = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    total = (weights * losses).sum()
    return total / len(weights) if absolute else total / weights.sum()
