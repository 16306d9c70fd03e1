"""loss: rank samples by their cross-entropy, log Σ exp z_j − z_y; hard is a large loss.

Under label noise, samples with noisy labels have the largest losses. Cost: N·3C operations.
Needs: logits, labels.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from swast.coresets.base import ranking
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """Return the cross-entropy of every sample, n."""
    return functional.cross_entropy(features.logits, features.labels, reduction="none")


LOSS = ranking(scores, lambda classes, _: 3 * classes)
