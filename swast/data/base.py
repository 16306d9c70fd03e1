"""What a data set is to the trainer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from swast.data.files import ImageFiles

Images: TypeAlias = NDArray[np.float32] | NDArray[np.uint8] | ImageFiles


@dataclass(frozen=True)
class Colours:
    """Mean and standard deviation of each channel, in the units in which images are stored."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """(x − mean) / std by channel, as float32, n × channels × height × width."""
        mean, std = (_by_channel(values, images.device) for values in (self.mean, self.std))
        return images.float().sub_(mean).div_(std)


@lru_cache
def _by_channel(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """A value a channel, to be combined with images on a device; brought there once."""
    return torch.tensor(values, device=device).view(1, -1, 1, 1)


@dataclass(frozen=True)
class ArrayData:
    """A data set as plain arrays, or files that act as such, to be shared between processes.

    Images are n × channels × height × width: float32, already normalised (``colours`` is None),
    or uint8, to be normalised on the training device. Labels are int64 in [0, num_classes).
    ``clean_train`` holds the training labels before noise, for diagnosis only. ``classes`` are
    the names of the classes, where they have names. ``removed`` is what float images have been
    normalised by, in the units that they had before.
    """

    num_classes: int
    train_images: Images
    train_labels: NDArray[np.int64]
    clean_train: NDArray[np.int64]
    val_images: Images
    val_labels: NDArray[np.int64]
    test_images: Images
    test_labels: NDArray[np.int64]
    colours: Colours | None = None
    classes: tuple[str, ...] = ()
    removed: Colours | None = None

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
