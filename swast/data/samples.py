"""Images and labels as a run reads them: in batches, on the training device, normalised."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from swast.data.base import Colours, Images

CHUNK = 1024
"""Samples that a pass without gradients looks at together."""


@dataclass(frozen=True)
class Samples(ABC):
    """Images and labels.

    Attributes:
        labels: on the training device, n.
        colours: what the images are normalised by; None where they are already.
    """

    labels: torch.Tensor
    colours: Colours | None

    @abstractmethod
    def stored(self, parts: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The indices of each part, and the images there as stored, on the training device."""

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, parts: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """The images at the indices of each part, a batch a part, in that order."""
        for _, images in self.stored(parts):
            yield images if self.colours is None else self.colours.normalise(images)

    def scan(self, indices: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
        """All images, or those at some indices, in order, 1,024 at a time."""
        chosen = torch.arange(len(self), device=self.labels.device) if indices is None else indices
        return self.batches(chosen.split(CHUNK))


@dataclass(frozen=True)
class Resident(Samples):
    """Images that lie on the training device."""

    images: torch.Tensor

    def stored(self, parts: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The indices of each part, and the images there."""
        for indices in parts:
            yield indices, self.images[indices]


def make_samples(
    device: torch.device, images: Images, labels: NDArray[np.int64], colours: Colours | None
) -> Samples:
    """Samples for a device; the arrays may be read-only."""
    return Resident(
        labels=torch.tensor(labels, device=device),
        colours=colours,
        images=torch.tensor(images, device=device),
    )
