"""Smaller versions of a data set: of a given size, stratified by class, drawn once by seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from swast.data import ArrayData
from swast.rng import derive


@dataclass(frozen=True)
class Subset:
    """Number of samples to keep of each part; None keeps the part whole."""

    train: int | None = None
    val: int | None = None
    test: int | None = None
    seed: int = 0


WHOLE = Subset()


def stratified(labels: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """Return ``size`` indices in order, each class in its share (largest remainders)."""
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * size / len(labels)
    quota = np.floor(shares).astype(np.int64)
    rest = np.argsort(quota - shares, kind="stable")[: size - quota.sum()]
    quota[rest] += 1
    random = np.random.default_rng(seed)
    drawn = [
        random.choice(np.flatnonzero(labels == label), size=count, replace=False)
        for label, count in zip(classes, quota, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def take(data: ArrayData, subset: Subset) -> ArrayData:
    """Return the subset of a data set. It does not depend on the seed of any run.

    Raises:
        ValueError: a part holds fewer samples than requested.
    """

    def chosen(part: str, labels: NDArray[np.int64], size: int | None) -> NDArray[np.int64]:
        if size is None:
            return np.arange(len(labels))
        if size > len(labels):
            raise ValueError(f"the {part} part holds {len(labels)} samples, not {size}")
        return stratified(labels, size, derive(subset.seed, f"subset-{part}"))

    train = chosen("train", data.clean_train, subset.train)
    val = chosen("val", data.val_labels, subset.val)
    test = chosen("test", data.test_labels, subset.test)
    return replace(
        data,
        train_images=data.train_images[train],
        train_labels=data.train_labels[train],
        clean_train=data.clean_train[train],
        val_images=data.val_images[val],
        val_labels=data.val_labels[val],
        test_images=data.test_images[test],
        test_labels=data.test_labels[test],
    )
