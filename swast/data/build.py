"""Assembly of a data set from its published parts: split, decoding, and normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from swast.config import LoadingConfig
from swast.data.base import ArrayData, Colours, Images
from swast.data.files import ImageFiles
from swast.data.samples import memory, read
from swast.errors import DataError

SPLIT_SEED = 0
MEASURED = 5_000
"""Number of evenly spaced training images for computing mean and standard deviation."""
BLOCK = 100
"""Images per block in that computation."""

Pixels: TypeAlias = NDArray[np.uint8] | ImageFiles


@dataclass(frozen=True)
class Part:
    """Images and their labels."""

    images: Images
    labels: NDArray[np.int64]

    def take(self, places: NDArray[np.intp]) -> Part:
        """Return the images and labels at some positions."""
        return Part(self.images[places], self.labels[places])


@dataclass(frozen=True)
class Parts:
    """Published parts of a data set; ``val`` is None if it is to be split off ``train``."""

    train: Part
    test: Part
    val: Part | None = None


def assemble(
    name: str,
    classes: Sequence[str],
    parts: Parts,
    loading: LoadingConfig,
    colours: Colours | None = None,
) -> ArrayData:
    """Assemble a data set from its parts.

    If there is no validation part, it is split off the training part, stratified by class, with a
    fixed seed that does not depend on the run's. Files are decoded if all of them fit into
    ``loading.memory_share`` of the machine's memory; otherwise they stay files. Float images are
    normalised here, uint8 images during training.

    Args:
        name: name of the data set, for errors.
        classes: the names of the classes, in the order of their labels.
        parts: images and labels.
        loading: settings for reading.
        colours: published mean and standard deviation; measured on the training part if absent.

    Raises:
        DataError: a class has too few training images to be split, or a file is damaged.
    """
    if len(classes) < 2:
        raise DataError(f"data {name!r}: has one class, {classes[0]!r}; a network tells two apart")
    train, val = parts.train, parts.val
    if val is None:
        kept, held_out = split(name, classes, train.labels, loading.val_fraction)
        train, val = train.take(kept), train.take(held_out)
    train, val, test = _in_memory([train, val, parts.test], loading)
    removed = None
    if train.images.dtype == np.uint8:
        colours = colours or measure(train.images)
    else:
        (train, val, test), removed = _normalised([train, val, test])
        colours = None
    return ArrayData(
        num_classes=len(classes),
        train_images=train.images,
        train_labels=train.labels,
        clean_train=train.labels,
        val_images=val.images,
        val_labels=val.labels,
        test_images=test.images,
        test_labels=test.labels,
        colours=colours,
        classes=tuple(classes),
        removed=removed,
    )


def split(
    name: str, classes: Sequence[str], labels: NDArray[np.int64], fraction: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split a training part; return ascending positions of training and validation samples.

    Of every class of n samples, round(fraction · n) are held out, at least 1 and at most n − 1.

    Raises:
        DataError: a class has fewer than two samples.
    """
    random = np.random.default_rng(SPLIT_SEED)
    held_out = np.zeros(len(labels), dtype=bool)
    for label, title in enumerate(classes):
        places = np.flatnonzero(labels == label)
        if len(places) < 2:
            raise DataError(
                f"data {name!r}: class {title!r} has {len(places)} training images; 2 are needed, "
                "one to train on and one to validate on"
            )
        count = min(max(1, round(fraction * len(places))), len(places) - 1)
        held_out[random.permutation(places)[:count]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _in_memory(parts: Sequence[Part], loading: LoadingConfig) -> list[Part]:
    """Return the parts, with files decoded if all parts fit into memory."""
    room = loading.memory_share * memory(torch.device("cpu"))
    if sum(part.images.nbytes for part in parts) > room:
        return list(parts)
    return [
        replace(part, images=part.images.decoded(loading.workers))
        if isinstance(part.images, ImageFiles)
        else part
        for part in parts
    ]


def measure(images: Images) -> Colours:
    """Compute mean and standard deviation by channel from at most 5,000 uint8 images, exactly."""
    places = np.unique(np.linspace(0, len(images) - 1, min(MEASURED, len(images))).astype(np.intp))
    counts = np.zeros((images.shape[1], 256), dtype=np.int64)
    for block in np.split(places, range(BLOCK, len(places), BLOCK)):
        pixels = np.empty((len(block), *images.shape[1:]), dtype=np.uint8)
        read(images, block, pixels)
        for channel, count in enumerate(counts):
            count += np.bincount(pixels[:, channel].ravel(), minlength=256)
    levels, total = np.arange(256), counts.sum(axis=1)
    mean = counts @ levels / total
    std = np.sqrt(np.maximum(counts @ levels**2 / total - mean**2, 0))
    return Colours(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1).tolist()))


def _normalised(parts: Sequence[Part]) -> tuple[list[Part], Colours]:
    """Normalise float images by the first part's mean and standard deviation by channel."""
    first = np.asarray(parts[0].images, dtype=np.float64)
    mean = first.mean(axis=(0, 2, 3), keepdims=True)
    std = first.std(axis=(0, 2, 3), keepdims=True)
    std[std == 0] = 1
    normalised = [
        replace(part, images=((part.images - mean) / std).astype(np.float32)) for part in parts
    ]
    return normalised, Colours(tuple(mean.ravel().tolist()), tuple(std.ravel().tolist()))
