"""Data sets, one file each."""

from __future__ import annotations

from collections.abc import Callable

from swast.config import NoiseConfig
from swast.data import digits
from swast.data.base import ArrayData, Samples
from swast.data.noise import symmetric

__all__ = ["DATASETS", "ArrayData", "Samples", "add_noise", "load_data"]

DATASETS: dict[str, Callable[[], ArrayData]] = {"digits": digits.load}


def load_data(name: str) -> ArrayData:
    """A data set by name, with clean labels.

    Raises:
        DataError: the data are missing or unusable.
    """
    return DATASETS[name]()


def add_noise(data: ArrayData, noise: NoiseConfig, seed: int) -> ArrayData:
    """The data with the configured noise in the training labels; nothing else changes."""
    if noise.rate == 0:
        return data
    return data.with_train_labels(symmetric(data.train_labels, data.num_classes, noise.rate, seed))
