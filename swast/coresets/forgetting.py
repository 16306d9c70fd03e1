"""forgetting: rank samples by how often they were learnt and then got wrong; hard is often.

Every visit of a sample in training says whether it was classified correctly; a flip from correct
to wrong is one forgetting. A sample that was never learnt counts as forgotten most of all (the
codes of DeepCore and CCS count it as never forgotten). After warm-up only the coreset's samples
are visited, so counts of the others stay as they were.

Cost: nothing beyond training. Needs: training dynamics.
Source: Toneva et al., "An Empirical Study of Example Forgetting", ICLR 2019.
"""

from __future__ import annotations

import torch

from swast.coresets.base import ranking
from swast.features import Features


def scores(features: Features) -> torch.Tensor:
    """Forgetting events of every sample, n; 0 for all where none were counted."""
    if features.memory is None:
        return torch.zeros(len(features.labels), device=features.labels.device)
    return features.memory.forgotten


FORGETTING = ranking(scores, lambda *_: 0, forward=False, dynamics=True)
