"""margin: rank samples by their two largest probabilities, p_(2) − p_(1); hard is near 0.

Labels are not used. Cost: N·3C operations. Needs: logits.
Source: Scheffer, Decomain, Wrobel, "Active Hidden Markov Models", IDA 2001.
"""

from __future__ import annotations

import torch

from swast.coresets.base import ranking
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """Return the second largest probability minus the largest, n, in [−1, 0]."""
    largest = features.logits.softmax(dim=1).topk(2, dim=1).values
    return largest[:, 1] - largest[:, 0]


MARGIN = ranking(scores, lambda classes, _: 3 * classes)
