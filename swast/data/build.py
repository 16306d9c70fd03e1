"""A data set from its published parts: checked, split, its colours measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swast.data.base import ArrayData, Colours, Images
from swast.errors import DataError

SPLIT_SEED = 0
MEASURED = 5_000
"""Training images that mean and standard deviation are computed from, evenly spaced."""


@dataclass(frozen=True)
class Part:
    """Images and their labels."""

    images: Images
    labels: NDArray[np.int64]

    def take(self, places: NDArray[np.intp]) -> Part:
        """Those at some places."""
        return Part(self.images[places], self.labels[places])


def assemble(
    name: str,
    classes: Sequence[str],
    train: Part,
    test: Part,
    *,
    val_fraction: float,
) -> ArrayData:
    """A data set from its parts.

    Validation is split off the training part, stratified by class, at a fixed seed whatever the
    run's.

    Raises:
        DataError: a class has too few training images to be split.
    """
    kept, held_out = split(name, classes, train.labels, val_fraction)
    train, val = train.take(kept), train.take(held_out)
    return ArrayData(
        num_classes=len(classes),
        train_images=train.images,
        train_labels=train.labels,
        clean_train=train.labels,
        val_images=val.images,
        val_labels=val.labels,
        test_images=test.images,
        test_labels=test.labels,
        colours=measure(train.images),
        classes=tuple(classes),
    )


def split(
    name: str, classes: Sequence[str], labels: NDArray[np.int64], fraction: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of training and validation samples, each in ascending order.

    Of every class of n samples, round(fraction · n) are held out, at least 1 and at most n − 1.

    Raises:
        DataError: a class has a single sample.
    """
    random = np.random.default_rng(SPLIT_SEED)
    held_out = np.zeros(len(labels), dtype=bool)
    for label, title in enumerate(classes):
        places = np.flatnonzero(labels == label)
        if len(places) < 2:
            raise DataError(
                f"data {name!r}: class {title!r} has {len(places)} training images; it takes 2, "
                "one to train on and one to validate on"
            )
        count = min(max(1, round(fraction * len(places))), len(places) - 1)
        held_out[random.permutation(places)[:count]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def measure(images: Images) -> Colours:
    """Mean and standard deviation of each channel of uint8 images, exactly, from 5,000 of them."""
    places = np.unique(np.linspace(0, len(images) - 1, min(MEASURED, len(images))).astype(int))
    counts = np.zeros((images.shape[1], 256), dtype=np.int64)
    for part in np.array_split(places, -(-len(places) // 100)):
        for channel, count in enumerate(counts):
            count += np.bincount(images[part, channel].ravel(), minlength=256)
    levels, total = np.arange(256), counts.sum(axis=1)
    mean = counts @ levels / total
    std = np.sqrt(np.maximum(counts @ levels**2 / total - mean**2, 0))
    return Colours(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1).tolist()))
