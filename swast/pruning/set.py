"""set: as rigl, but what grows is drawn by lot among the dead.

A weight just dropped is not among them: half of those that grew would be the same ones again.

Cost: nothing beyond training. Needs: weights.
Source: Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse
connectivity inspired by network science", Nature Communications 2018; the cosine is RigL's.
"""

from __future__ import annotations

import torch

from swast.pruning.base import Pruner
from swast.pruning.magnitude import prune


def by_lot(weight: torch.Tensor, alive: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Evenly drawn for the dead, and lower for all others.

    So where there are fewer dead weights than were dropped, dropped ones return.
    """
    lots = torch.rand(weight.shape, generator=generator).to(weight.device)
    return lots + ~alive


SET = Pruner(prune, by_lot)
