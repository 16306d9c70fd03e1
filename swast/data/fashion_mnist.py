"""fashion-mnist: 70,000 images of clothes, 28 × 28, grey, 10 classes, 10,000 of them for test.

The files are the four IDX files, compressed (.gz) or not, in torchvision's layout
(``FashionMNIST/raw/``) or in ``fashion-mnist/``, ``FashionMNIST/`` or the root itself. Debian's
package ``dataset-fashion-mnist`` also uses one of these.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", arXiv 1708.07747, 2017.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swast.config import LoadingConfig
from swast.data.base import ArrayData
from swast.data.build import Part, Parts, assemble
from swast.data.limits import check_unpacked
from swast.data.places import Places, Wanted
from swast.errors import DataError

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)
WANTED = Wanted(
    "fashion-mnist",
    ("FashionMNIST/raw", "FashionMNIST", "fashion-mnist", "."),
    f"{', '.join(FILES)} in FashionMNIST/raw/, as .gz or not",
    "--download fetches it, and Debian's package dataset-fashion-mnist has it",
    "FashionMNIST",
)
UBYTE = 8
"""IDX's type code for unsigned bytes."""


def load(loading: LoadingConfig, places: Places) -> ArrayData:
    """Load Fashion-MNIST; validation is split off the training images.

    Raises:
        DataError: the files are missing or damaged.
    """
    files = places.locate(WANTED, _files)
    arrays = [read_idx(path) for path in files]
    parts = [_part(files, arrays[at : at + 2]) for at in (0, 2)]
    return assemble(WANTED.name, CLASSES, Parts(*parts), loading)


def _files(folder: Path) -> list[Path] | None:
    """Return the four files in a folder, or None if one is missing."""
    found = [
        path for name in FILES for path in [folder / name, folder / f"{name}.gz"] if path.is_file()
    ]
    named = {path.name.removesuffix(".gz"): path for path in reversed(found)}
    return [named[name] for name in FILES] if len(named) == len(FILES) else None


def _part(files: list[Path], arrays: list[NDArray[np.uint8]]) -> Part:
    """Make a part of images and labels, after checking that they match."""
    images, labels = arrays
    right = images.ndim == 3 and labels.shape == (len(images),) and len(images) > 0
    if not right or labels.max() >= len(CLASSES):
        raise DataError(f"data {WANTED.name!r}: {files[0].parent}: images and labels do not match")
    return Part(images[:, None], labels.astype(np.int64))


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read the array in an IDX file of unsigned bytes.

    Raises:
        DataError: the file is damaged or of another kind, or would unpack to more than
            `swast.data.limits` allows.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4)
            axes = head[3] if len(head) == 4 and head[:3] == bytes([0, 0, UBYTE]) else 0
            shape = np.frombuffer(file.read(4 * axes), dtype=">u4").tolist()
            size = math.prod(shape)
            if not axes or len(shape) != axes:
                raise DataError(f"{path}: is not an IDX file of bytes")
            check_unpacked(path, size)
            content = file.read(size)
            if len(content) != size or file.read(1):
                raise DataError(f"{path}: is damaged: it says {size:,} bytes, and holds others")
            return np.frombuffer(content, dtype=np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
