"""Pruners, one file each, and the masks they act on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swast.config import DistributionName, PrunerName
from swast.pruning import magnitude, rigl
from swast.pruning.masks import Masks, prunable_weights

__all__ = ["PRUNERS", "Masks", "Pruner", "prunable_weights"]


@dataclass(frozen=True)
class Pruner:
    """A way to remove weights.

    Attributes:
        prune: brings the masks to a sparsity at the start of a round.
        update: changes the masks on line from a step's dense gradients at a drop fraction, or
            None where masks rest between rounds.
    """

    prune: Callable[[Masks, float, DistributionName], None]
    update: Callable[[Masks, float], None] | None = None


PRUNERS: dict[PrunerName, Pruner] = {
    "magnitude": Pruner(magnitude.prune),
    "rigl": Pruner(magnitude.prune, rigl.update),
}
