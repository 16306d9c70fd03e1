"""Data sets, one file a family."""

from __future__ import annotations

from collections.abc import Callable

from swast.config import LoadingConfig, NoiseConfig
from swast.data import digits, fashion_mnist
from swast.data.base import ArrayData, Colours
from swast.data.noise import symmetric
from swast.data.places import Places
from swast.data.samples import Samples, make_samples

__all__ = [
    "DATASETS",
    "ArrayData",
    "Colours",
    "Places",
    "Samples",
    "add_noise",
    "load_data",
    "make_samples",
]

DATASETS: dict[str, Callable[[LoadingConfig, Places], ArrayData]] = {
    "digits": digits.load,
    "fashion-mnist": fashion_mnist.load,
}


def load_data(
    name: str, loading: LoadingConfig | None = None, places: Places | None = None
) -> ArrayData:
    """A data set by name, with clean labels.

    Args:
        name: as ``data`` is in a configuration.
        loading: how to read it; the defaults where absent.
        places: where to look; `Places.find` where absent.

    Raises:
        DataError: the data are missing or unusable.
    """
    return DATASETS[name](loading or LoadingConfig(), places or Places.find())


def add_noise(data: ArrayData, noise: NoiseConfig, seed: int) -> ArrayData:
    """The data with the configured noise in the training labels; nothing else changes."""
    if noise.rate == 0:
        return data
    return data.with_train_labels(symmetric(data.train_labels, data.num_classes, noise.rate, seed))
