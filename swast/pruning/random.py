"""random: remove weights drawn at random. A lower baseline for other methods.

Cost: nothing beyond training. Needs: nothing.
"""

from __future__ import annotations

import torch

from swast.pruning.base import Moment, Pruner, keep_salient


def prune(moment: Moment) -> None:
    """Remove weights drawn uniformly from the unmasked ones (of each layer, or of all)."""
    keep_salient(
        moment,
        {
            name: torch.rand(weight.shape, generator=moment.generator).to(weight.device)
            for name, weight in moment.masks.weights.items()
        },
    )


RANDOM = Pruner(prune)
