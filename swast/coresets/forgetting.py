"""forgetting: rank samples by their forgetting events; hard is many.

A forgetting event is a change from correct to wrong classification between two training visits of
a sample. A sample that was never classified correctly ranks as forgotten most often (the codes of
DeepCore and CCS rank it as never forgotten). After warm-up only samples of the coreset are
visited, so the counts of the others do not change.

Cost: nothing beyond training. Needs: training dynamics.
Source: Toneva et al., "An Empirical Study of Example Forgetting", ICLR 2019.
"""

from __future__ import annotations

import torch

from swast.coresets.base import ranking
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """Return the forgetting events of every sample, n; all 0 if none were counted."""
    if features.memory is None:
        return torch.zeros(len(features.labels), device=features.labels.device)
    return features.memory.forgotten


FORGETTING = ranking(scores, lambda *_: 0, forward=False, dynamics=True)
