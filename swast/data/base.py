"""In-memory form of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from swast.data.files import ImageFiles
from swast.data.fingerprint import Fingerprint, digest_of, part_of, rounding

Images: TypeAlias = NDArray[np.float32] | NDArray[np.uint8] | ImageFiles


@dataclass(frozen=True)
class Colours:
    """Mean and standard deviation of each channel, in the units of the stored images."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normaliser(self, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return a function that computes (x − mean) / std by channel, as float32, on a device.

        Its input is n × channels × height × width. Reuse it for many batches: making it copies to
        the device, which waits for a GPU.
        """
        mean, std = (
            torch.tensor(values, device=device).view(1, -1, 1, 1)
            for values in (self.mean, self.std)
        )
        return lambda images: images.float().sub_(mean).div_(std)


@dataclass(frozen=True)
class ArrayData:
    """Data set of plain arrays, or of files with the same interface; processes can share it.

    Images are n × channels × height × width: float32, already normalised (``colours`` is None),
    or uint8, to be normalised on the training device. Labels are int64 in [0, num_classes).
    ``clean_train`` holds the training labels before noise, for diagnosis only. ``classes`` holds
    the names of the classes, if they have names. ``removed`` is the mean and standard deviation
    by which float images have been normalised, in their original units. ``note`` says what was
    read from files and what was skipped, if there is anything to say.
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
    note: str = ""

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
        """Training samples per class, by given label (noise included)."""
        return [int(count) for count in np.bincount(self.train_labels, minlength=self.num_classes)]

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Identity of the data by content (see `swast.data.fingerprint`).

        It is computed once, and other processes get it with the data.
        """
        parts = {
            "train": (self.train_images, self.train_labels),
            "val": (self.val_images, self.val_labels),
            "test": (self.test_images, self.test_labels),
        }
        images = self.train_images
        scale = images.shorter if isinstance(images, ImageFiles) else None
        return {name: part_of(*part) for name, part in parts.items()} | {
            "classes": digest_of(self.num_classes, self.classes),
            "form": digest_of(images.shape[1:], str(images.dtype), scale),
            "rounded": rounding(images.dtype),
        }

    def with_train_labels(self, labels: NDArray[np.int64]) -> ArrayData:
        """Return the same data with other training labels; the clean labels are kept."""
        return replace(self, train_labels=labels)
