"""el2n: rank samples by the norm of their error, ‖softmax(z_i) − onehot(y_i)‖₂; hard is large.

Scores come from the current network at every round, as in SWaST; the original averages over
several networks early in training. Under label noise, samples with noisy labels have the largest
norms: see ``drop_top`` and ``direction``.

Cost: N·3C operations. Needs: logits, labels.
Source: Paul, Ganguli, Dziugaite, "Deep Learning on a Data Diet", NeurIPS 2021.
"""

from __future__ import annotations

import torch

from swast.coresets.base import ranking
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """Return the EL2N score of every sample, n."""
    norms: torch.Tensor = torch.linalg.vector_norm(features.errors, dim=1)
    return norms


EL2N = ranking(scores, lambda classes, _: 3 * classes)
