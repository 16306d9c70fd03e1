"""grand: rank samples by the norm of their gradient in the last layer, ‖e_i‖ · √(1 + ‖h_i‖²).

The last layer's gradient is the outer product e_i ⊗ [h_i, 1], so its norm is the product of their
norms. The original uses the gradient in all parameters, averaged over several initialisations.
Cost: N·(3C + 2E) operations. Needs: features, logits, labels.
Source: Paul, Ganguli, Dziugaite, "Deep Learning on a Data Diet", NeurIPS 2021.
"""

from __future__ import annotations

import torch

from swast.coresets.base import ranking
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """Return the norm of every sample's gradient in the last layer's weight and bias, n."""
    errors = features.errors.square().sum(dim=1)
    return (errors * (1 + features.hidden.square().sum(dim=1))).sqrt()


GRAND = ranking(scores, lambda classes, width: 3 * classes + 2 * width)
