"""rigl: magnitude pruning at every round, and in between weights that drop and grow on line.

Every ΔT steps each layer drops the share α_t = α/2·(1 + cos(πt/T_end)) of its living weights with
the smallest magnitude, and grows as many where the dense gradient of the batch is largest (a
weight just dropped may come back, and then keeps its value). The update takes the place of that
step's optimiser step. Grown weights start at 0 with cleared optimiser state.

Source: Evci et al., "Rigging the Lottery", ICML 2020.
"""

from __future__ import annotations

import math

import torch

from swast.pruning.masks import Masks, keep_largest


def drop_fraction(step: int, last_step: int, initial: float) -> float:
    """α_t: the share of living weights dropped at a step, from α at 0 to 0 at the last."""
    return initial / 2 * (1 + math.cos(math.pi * step / last_step))


def updated_mask(
    weight: torch.Tensor, gradient: torch.Tensor, alive: torch.Tensor, fraction: float
) -> torch.Tensor:
    """The mask after one drop and grow.

    Args:
        weight: the layer's weights, 0 where masked.
        gradient: the dense gradient of the loss in them.
        alive: the mask in force.
        fraction: share of the living weights to replace; floor(fraction · living) are.

    Returns:
        A mask with as many living weights as before.
    """
    living = int(alive.sum())
    replaced = math.floor(fraction * living)
    kept = keep_largest(weight.abs().masked_fill(~alive, -1), living - replaced)
    grown = keep_largest(gradient.abs().masked_fill(kept, -1), replaced)
    return kept | grown


def update(masks: Masks, fraction: float) -> None:
    """Drop and grow in every layer, by the gradients that the weights hold now."""
    fresh = {}
    for name, weight in masks.weights.items():
        if weight.grad is not None:
            fresh[name] = updated_mask(weight.detach(), weight.grad, masks.alive(name), fraction)
    masks.replace(fresh)
