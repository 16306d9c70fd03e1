"""least-confidence: rank samples by 1 − max p; hard is unsure.

Labels are not used. (DeepCore uses the largest logit, which is not a probability.)
Cost: N·3C operations. Needs: logits.
Source: Lewis, Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994.
"""

from __future__ import annotations

import torch

from swast.coresets.base import ranking
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """Return 1 − max p of every sample, n, in [0, 1)."""
    return 1 - features.logits.softmax(dim=1).amax(dim=1)


LEAST_CONFIDENCE = ranking(scores, lambda classes, _: 3 * classes)
