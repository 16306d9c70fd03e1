"""Masks of the prunable weights.

Invariant after every optimiser step: a masked weight, its gradient and its optimiser state are
exactly 0. This holds by induction: a mask change clears weight and state, and gradients are masked
before every optimiser step, so neither momentum nor decay can move a zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch


def keep_largest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Return a mask that is True at the ``count`` largest scores; ties go to the lower index."""
    flat = scores.flatten()
    if not 0 < count < len(flat):
        return torch.full_like(scores, count > 0, dtype=torch.bool)
    threshold = flat.kthvalue(len(flat) - count + 1).values
    mask = flat > threshold
    ties = (flat == threshold).nonzero().flatten()
    mask[ties[: count - int(mask.sum())]] = True
    return mask.view_as(scores)


def counted(masks: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Count the True entries of each mask, with a single transfer from the device."""
    if not masks:
        return {}
    counts = torch.stack([mask.sum() for mask in masks.values()]).tolist()
    return dict(zip(masks, counts, strict=True))


class Masks:
    """Masks of the prunable weights of one network; initially nothing is masked.

    Args:
        weights: the prunable tensors by layer name.
        optimizer: the optimiser, whose state is masked as well.
    """

    def __init__(
        self, weights: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer
    ) -> None:
        self.weights = dict(weights)
        self._optimizer = optimizer
        self._alive = {
            name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()
        }
        self._factors: dict[str, torch.Tensor] = {}
        self._survivors = {name: weight.numel() for name, weight in weights.items()}

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """Shape of each prunable tensor."""
        return {name: weight.shape for name, weight in self.weights.items()}

    @property
    def num_weights(self) -> int:
        """Number of prunable weights, masked or not."""
        return sum(weight.numel() for weight in self.weights.values())

    def alive(self, name: str) -> torch.Tensor:
        """Return the mask of a layer: True where a weight is kept."""
        return self._alive[name]

    def survivors(self) -> Mapping[str, int]:
        """Return the unmasked weights of each layer; the same object until masks change."""
        return self._survivors

    def is_dense(self) -> bool:
        """Return whether no weight is masked."""
        return not self._factors

    def replace(self, masks: Mapping[str, torch.Tensor]) -> None:
        """Replace the masks of some layers; clear newly masked weights and their optimiser state.

        A newly unmasked weight starts at 0, without momentum.
        """
        living = counted(masks)
        self._survivors = self._survivors | living
        for name, mask in masks.items():
            weight = self.weights[name]
            staying = (self._alive[name] & mask).to(weight.dtype)
            self._alive[name] = mask.clone()
            self._factors.pop(name, None)
            if living[name] < mask.numel():
                self._factors[name] = mask.to(weight.dtype)
            with torch.no_grad():
                weight.mul_(staying)
                for state in self._optimizer.state.get(weight, {}).values():
                    if isinstance(state, torch.Tensor) and state.shape == weight.shape:
                        state.mul_(staying)

    def revived(self) -> list[str]:
        """Return the layers with a masked weight that is not 0."""
        if not self._factors:
            return []
        weights = [self.weights[name].detach() for name in self._factors]
        kept = torch._foreach_mul(weights, list(self._factors.values()))
        norms = torch.stack(torch._foreach_norm(torch._foreach_sub(weights, kept))).tolist()
        return [name for name, norm in zip(self._factors, norms, strict=True) if norm > 0]

    def mask_gradients(self) -> None:
        """Zero the gradients of masked weights; call it after backward, before the step."""
        pairs = [(self.weights[name].grad, factor) for name, factor in self._factors.items()]
        reached = [(gradient, factor) for gradient, factor in pairs if gradient is not None]
        if reached:
            torch._foreach_mul_(*map(list, zip(*reached, strict=True)))

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the masks by layer name."""
        return dict(self._alive)

    def load_state_dict(self, masks: Mapping[str, torch.Tensor]) -> None:
        """Load saved masks from any device."""
        self.replace({name: mask.to(self._alive[name].device) for name, mask in masks.items()})
