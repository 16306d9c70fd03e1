"""Data sets from arrays, given directly or read from a file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swast.config import LoadingConfig
from swast.data.base import ArrayData
from swast.data.build import Part, Parts, assemble
from swast.errors import DataError

Array = np.ndarray[Any, Any]
Pair = tuple[Array, Array]
"""Images and labels."""
CHANNELS = (1, 3, 4)
"""Sizes by which the axis of channels is recognised."""


def from_arrays(
    train: Pair,
    test: Pair,
    val: Pair | None = None,
    *,
    name: str = "arrays",
    loading: LoadingConfig | None = None,
) -> ArrayData:
    """Make a data set for `swast.train`, from arrays of images and labels for each part.

    Images are n × channels × height × width, n × height × width × channels, or n × height × width
    for one channel; uint8, or floats of any range. The axis of size 1, 3 or 4 is that of the
    channels; if both candidates are, it is the first. Labels are n integers from 0; the training
    part must contain every class.

    Args:
        train: training images and labels.
        test: test images, of the same kind, and labels.
        val: validation images and labels; split off the training part if absent.
        name: name of the data set, for errors.
        loading: settings for splitting and storing; the defaults if absent.

    Raises:
        DataError: an array does not have this form; the message names it.
    """
    given = {"train": train, "test": test} | ({} if val is None else {"val": val})
    images = {part: _images(name, f"x_{part}", pair[0]) for part, pair in given.items()}
    labels = {part: _labels(name, f"y_{part}", pair[1]) for part, pair in given.items()}
    for part in given:
        _check_fit(name, part, images, labels)
    _check_classes(name, labels)
    parts = {part: Part(images[part], labels[part]) for part in given}
    made = Parts(parts["train"], parts["test"], parts.get("val"))
    classes = [str(label) for label in range(int(labels["train"].max()) + 1)]
    return assemble(name, classes, made, loading or LoadingConfig())


def _images(name: str, key: str, array: Array) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Convert images to n × channels × height × width, uint8 or float32.

    Raises:
        DataError: the shape or type is wrong, or a value is not finite.
    """
    found = array[:, None] if array.ndim == 3 else array
    if found.ndim == 4 and found.shape[1] not in CHANNELS and found.shape[3] in CHANNELS:
        found = found.transpose(0, 3, 1, 2)
    if found.ndim != 4 or 0 in found.shape or found.shape[1] not in CHANNELS:
        raise DataError(
            f"{name}: {key} has the shape {array.shape}; images are n × channels × height × width "
            "or n × height × width (× channels), of 1, 3 or 4 channels"
        )
    if found.dtype == np.uint8:
        return np.ascontiguousarray(found)
    if found.dtype.kind != "f":
        raise DataError(f"{name}: {key} is {array.dtype}; images are uint8 or floats")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        floats = np.ascontiguousarray(found, dtype=np.float32)
    bad = np.count_nonzero(~np.isfinite(floats))
    if bad:
        raise DataError(f"{name}: {key} has {bad} values that are NaN or infinite")
    return floats


def _labels(name: str, key: str, array: Array) -> NDArray[np.int64]:
    """Convert labels to n int64.

    Raises:
        DataError: the shape or type is wrong, or a label is negative or too large.
    """
    found = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if found.ndim != 1 or found.dtype.kind not in "iu" or not len(found):
        raise DataError(
            f"{name}: {key} is {array.dtype} of shape {array.shape}; labels are n whole numbers"
        )
    if found.min() < 0:
        raise DataError(f"{name}: {key} has the label {found.min()}; labels are numbered from 0")
    if found.max() >= 2**31:
        raise DataError(f"{name}: {key} has the label {found.max()}; labels are less than 2^31")
    return found.astype(np.int64)


def _check_fit(
    name: str, part: str, images: dict[str, Any], labels: dict[str, NDArray[np.int64]]
) -> None:
    """Raise if a part's images and labels do not match each other or the training part.

    Raises:
        DataError: they do not match; the message names the arrays.
    """
    if len(images[part]) != len(labels[part]):
        raise DataError(
            f"{name}: x_{part} has {len(images[part])} images, y_{part} {len(labels[part])} labels"
        )
    for what in ("shape", "dtype"):
        one, train = getattr(images[part], what), getattr(images["train"], what)
        if (one[1:] if what == "shape" else one) != (train[1:] if what == "shape" else train):
            raise DataError(f"{name}: x_{part} and x_train differ in {what}: {one} and {train}")


def _check_classes(name: str, labels: dict[str, NDArray[np.int64]]) -> None:
    """Raise if the training part lacks a class that it or another part has.

    Raises:
        DataError: it does; the message names the class.
    """
    present = np.unique(labels["train"])
    if present[-1] != len(present) - 1:
        missing = int(np.flatnonzero(present != np.arange(len(present)))[0])
        raise DataError(
            f"{name}: y_train has labels up to {present[-1]}, but none of class {missing}; "
            "classes are numbered from 0 without gaps"
        )
    for part, values in labels.items():
        if values.max() >= len(present):
            raise DataError(
                f"{name}: y_{part} has label {values.max()}, and y_train 0 to {len(present) - 1}"
            )
