"""entropy: rank samples by the entropy of their prediction, −Σ p_j log p_j; hard is uncertain.

Labels are not used. Cost: N·5C operations. Needs: logits.
Source: Settles, "Active Learning Literature Survey", 2009.
"""

from __future__ import annotations

import torch

from swast.coresets.base import ranking
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """Return the entropy of every prediction, in nats, n."""
    log_probabilities = features.logits.log_softmax(dim=1)
    return -(log_probabilities.exp() * log_probabilities).sum(dim=1)


ENTROPY = ranking(scores, lambda classes, _: 5 * classes)
