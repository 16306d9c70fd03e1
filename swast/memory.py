"""Training dynamics of each sample: forgetting events and latest losses."""

from __future__ import annotations

import torch
from torch.nn import functional

UNSEEN = 3.0
"""Initial loss of a sample that has not been seen, as in InfoBatch."""


class Memory:
    """Record of the forgetting events and latest losses of n samples."""

    def __init__(self, num_samples: int, device: torch.device) -> None:
        self.known = torch.zeros(num_samples, dtype=torch.bool, device=device)
        self.learnt = self.known.clone()
        self.flips = torch.zeros(num_samples, device=device)
        self.losses = torch.full((num_samples,), UNSEEN, device=device)

    def visit(self, indices: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Update the record with the network's outputs for some samples, each at most once."""
        logits = logits.detach().float()
        correct = logits.argmax(dim=1) == labels
        self.flips[indices] += (self.known[indices] & ~correct).float()
        self.known[indices] = correct
        self.learnt[indices] |= correct
        self.losses[indices] = functional.cross_entropy(logits, labels, reduction="none")

    @property
    def forgotten(self) -> torch.Tensor:
        """Forgetting events of each sample, n; infinite for samples never classified correctly."""
        return self.flips.masked_fill(~self.learnt, torch.inf)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the whole record."""
        return {
            "known": self.known,
            "learnt": self.learnt,
            "flips": self.flips,
            "losses": self.losses,
        }

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Load a record from `state_dict`."""
        for name, kept in self.state_dict().items():
            kept.copy_(state[name])
