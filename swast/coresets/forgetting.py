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


class Memory:
    """Counts forgetting events of n samples as they are visited."""

    def __init__(self, num_samples: int, device: torch.device) -> None:
        self.known = torch.zeros(num_samples, dtype=torch.bool, device=device)
        self.learnt = self.known.clone()
        self.flips = torch.zeros(num_samples, device=device)

    def visit(self, indices: torch.Tensor, correct: torch.Tensor) -> None:
        """Note whether some samples, each at most once, are classified correctly now."""
        self.flips[indices] += (self.known[indices] & ~correct).float()
        self.known[indices] = correct
        self.learnt[indices] |= correct

    @property
    def forgotten(self) -> torch.Tensor:
        """Forgetting events of each sample, infinite where it was never learnt, n."""
        return self.flips.masked_fill(~self.learnt, torch.inf)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All that is remembered."""
        return {"known": self.known, "learnt": self.learnt, "flips": self.flips}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what another one remembered."""
        for name, kept in self.state_dict().items():
            kept.copy_(state[name])


def scores(features: Features) -> torch.Tensor:
    """Forgetting events of every sample, n; 0 for all where none were counted."""
    if features.forgotten is None:
        return torch.zeros(len(features.labels), device=features.labels.device)
    return features.forgotten


FORGETTING = ranking(scores, lambda *_: 0, forward=False, dynamics=True)
