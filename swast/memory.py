"""What was seen of each sample while training: whether it was right, and its loss."""

from __future__ import annotations

import torch
from torch.nn import functional

UNSEEN = 3.0
"""The loss of a sample not seen yet, as InfoBatch starts."""


class Memory:
    """Forgetting events and latest losses of n samples, kept as they are visited."""

    def __init__(self, num_samples: int, device: torch.device) -> None:
        self.known = torch.zeros(num_samples, dtype=torch.bool, device=device)
        self.learnt = self.known.clone()
        self.flips = torch.zeros(num_samples, device=device)
        self.losses = torch.full((num_samples,), UNSEEN, device=device)

    def visit(self, indices: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Note what the network says of some samples, each there at most once."""
        logits = logits.detach().float()
        correct = logits.argmax(dim=1) == labels
        self.flips[indices] += (self.known[indices] & ~correct).float()
        self.known[indices] = correct
        self.learnt[indices] |= correct
        self.losses[indices] = functional.cross_entropy(logits, labels, reduction="none")

    @property
    def forgotten(self) -> torch.Tensor:
        """Forgetting events of each sample, infinite where it was never learnt, n."""
        return self.flips.masked_fill(~self.learnt, torch.inf)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All that is remembered."""
        return {
            "known": self.known,
            "learnt": self.learnt,
            "flips": self.flips,
            "losses": self.losses,
        }

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what another one remembered."""
        for name, kept in self.state_dict().items():
            kept.copy_(state[name])
