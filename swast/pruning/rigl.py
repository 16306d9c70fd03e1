"""rigl: magnitude pruning at every round; between rounds, weights are dropped and grown.

Every ΔT steps each layer drops the share α_t = α/2·(1 + cos(πt/T_end)) of its unmasked weights
with the smallest magnitude, and grows as many where the dense gradient of the batch is largest. A
weight just dropped may be grown again, and then keeps its value. The update replaces the optimiser
step. Other grown weights start at 0 with cleared optimiser state.

Cost: the dense part of the weight gradient at every update. Needs: weights, dense gradients.
Source: Evci et al., "Rigging the Lottery", ICML 2020.
"""

from __future__ import annotations

import math

import torch

from swast.pruning.base import Growth, Pruner
from swast.pruning.magnitude import prune
from swast.pruning.masks import Masks, keep_largest


def drop_fraction(step: int, last_step: int, initial: float, final: float = 0.0) -> float:
    """Return α_t, the share of unmasked weights dropped at a step.

    It falls along half a cosine from ``initial`` at step 0 to ``initial · final`` at the last.
    """
    share = (1 + math.cos(math.pi * step / last_step)) / 2
    return initial * (final + (1 - final) * share)


def updated_mask(
    weight: torch.Tensor, growth: torch.Tensor, alive: torch.Tensor, fraction: float
) -> torch.Tensor:
    """Return the mask after one drop and grow.

    Args:
        weight: the layer's weights, 0 where masked.
        growth: growth score of each weight, not negative.
        alive: the current mask.
        fraction: share of the n unmasked weights to replace; floor(fraction · n) are replaced.

    Returns:
        A mask with as many unmasked weights as before.
    """
    living = int(alive.sum())
    replaced = math.floor(fraction * living)
    kept = keep_largest(weight.abs().masked_fill(~alive, -1), living - replaced)
    grown = keep_largest(growth.masked_fill(kept, -1), replaced)
    return kept | grown


def update(masks: Masks, fraction: float, grow: Growth, generator: torch.Generator) -> None:
    """Drop and grow weights in every layer that has a gradient."""
    fresh = {}
    for name, weight in masks.weights.items():
        if weight.grad is not None:
            growth = grow(weight, masks.alive(name), generator)
            fresh[name] = updated_mask(weight.detach(), growth, masks.alive(name), fraction)
    masks.replace(fresh)


def by_gradient(
    weight: torch.Tensor,
    alive: torch.Tensor,  # noqa: ARG001
    generator: torch.Generator,  # noqa: ARG001
) -> torch.Tensor:
    """Return the dense |dL/dw|."""
    if weight.grad is None:
        return torch.zeros_like(weight)
    return weight.grad.abs()


RIGL = Pruner(prune, by_gradient, uses_gradient=True)
