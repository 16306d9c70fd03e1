"""What a data set is to the trainer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class ArrayData:
    """A data set in memory, as plain arrays that can be shared between processes.

    Images are float32, already normalised, n × channels × height × width. Labels are int64 in
    [0, num_classes). ``clean_train`` holds the training labels before noise, for diagnosis only.
    """

    num_classes: int
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    clean_train: NDArray[np.int64]
    val_images: NDArray[np.float32]
    val_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    @property
    def num_train(self) -> int:
        """Number of training samples (N)."""
        return len(self.train_labels)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Channels, height and width of one image."""
        return self.train_images.shape[1:]

    @property
    def class_counts(self) -> list[int]:
        """Training samples a class, by label as given (noise included)."""
        return [int(count) for count in np.bincount(self.train_labels, minlength=self.num_classes)]

    def with_train_labels(self, labels: NDArray[np.int64]) -> ArrayData:
        """The same data under other training labels; the clean ones stay."""
        return replace(self, train_labels=labels)


CHUNK = 1024
"""Samples that a pass without gradients looks at together."""


@dataclass(frozen=True)
class Samples:
    """Images and labels on the training device."""

    images: torch.Tensor
    labels: torch.Tensor

    @classmethod
    def on(
        cls, device: torch.device, images: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> Samples:
        """Copy arrays to a device; the arrays may be read-only."""
        return cls(torch.tensor(images, device=device), torch.tensor(labels, device=device))

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, parts: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """The images at the indices of each part, a batch a part, in that order."""
        for indices in parts:
            yield self.images[indices]

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """The images at some indices, as one batch."""
        return next(self.batches([indices]))

    def scan(self, indices: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
        """All images, or those at some indices, in order, 1,024 at a time."""
        chosen = torch.arange(len(self), device=self.labels.device) if indices is None else indices
        return self.batches(chosen.split(CHUNK))
