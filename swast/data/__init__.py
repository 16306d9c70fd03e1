"""Data sets, one file per family."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from swast.config import LoadingConfig, NoiseConfig
from swast.data import cifar, digits, fashion_mnist, folder, imagenet, npz, tiny_imagenet
from swast.data.arrays import from_arrays
from swast.data.base import ArrayData, Colours, Images
from swast.data.noise import NOISES
from swast.data.places import Places
from swast.data.samples import Samples, make_samples
from swast.errors import ConfigError, DataError

__all__ = [
    "DATASETS",
    "FORMS",
    "ArrayData",
    "Colours",
    "Images",
    "Places",
    "Samples",
    "add_noise",
    "from_arrays",
    "load_data",
    "make_samples",
]

DATASETS: dict[str, Callable[[LoadingConfig, Places], ArrayData]] = {
    "digits": digits.load,
    "fashion-mnist": fashion_mnist.load,
    "cifar10": cifar.load_cifar10,
    "cifar100": cifar.load_cifar100,
    "tiny-imagenet": tiny_imagenet.load,
    "imagenet": imagenet.load,
}
FORMS: dict[str, Callable[[str, LoadingConfig, Places], ArrayData]] = {
    "folder": folder.load,
    "npz": npz.load,
}
FILES = ("tiny-imagenet", "imagenet", "folder")
"""Data sets of image files, which can be scaled."""


def load_data(
    name: str, loading: LoadingConfig | None = None, places: Places | None = None
) -> ArrayData:
    """Load a data set by name, with clean labels.

    Args:
        name: the name, as in ``data`` of a configuration.
        loading: settings for reading; the defaults if absent.
        places: folders to search; `Places.find` if absent.

    Raises:
        ConfigError: scaling is configured for a data set that cannot be scaled.
        DataError: the data are missing or unusable.
    """
    loading, places = loading or LoadingConfig(), places or Places.find()
    form, colon, path = name.partition(":")
    if loading.image_size and form not in FILES:
        raise ConfigError(
            [f"loading.image_size must be 0 for data {name!r}: only image files can be scaled"]
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what it reads all the same
            return FORMS[form](path, loading, places) if colon else DATASETS[name](loading, places)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"data {name!r}: cannot be read: {error}") from error


def add_noise(data: ArrayData, noise: NoiseConfig, seed: int) -> ArrayData:
    """Return the data with the configured noise in the training labels."""
    if noise.rate == 0:
        return data
    inject = NOISES[noise.kind]
    return data.with_train_labels(inject(data.train_labels, data.num_classes, noise.rate, seed))
