"""set: as rigl, but the weights to grow are drawn at random from the masked ones.

Weights just dropped are excluded from the draw: otherwise half of those grown would be the same
ones again.

Cost: nothing beyond training. Needs: weights.
Source: Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse
connectivity inspired by network science", Nature Communications 2018; the cosine is RigL's.
"""

from __future__ import annotations

import torch

from swast.pruning.base import Pruner
from swast.pruning.magnitude import prune


def by_lot(weight: torch.Tensor, alive: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return random growth scores, higher for masked weights than for all others.

    So dropped weights return only if there are fewer masked weights than were dropped.
    """
    lots = torch.rand(weight.shape, generator=generator).to(weight.device)
    return lots + ~alive


SET = Pruner(prune, by_lot)
