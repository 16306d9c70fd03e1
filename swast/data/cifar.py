"""cifar10 and cifar100: 60,000 images, 32 × 32, RGB, 10 or 100 classes, 10,000 for test.

The files are the published "python version", in torchvision's layout: ``cifar-10-batches-py/``
and ``cifar-100-python/``. They are pickles; the reader here makes only arrays and plain values,
and runs no code.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import codecs
import io
import pickle
import pickletools
from collections.abc import Mapping, Sized
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from swast.config import LoadingConfig
from swast.data.base import ArrayData
from swast.data.build import Part, Parts, assemble
from swast.data.places import Places, Wanted
from swast.errors import DataError, cut

MOST_BYTES = 2**29
"""Largest size of a file; the published ones have up to 156 MB."""
MOST_STEPS = 2**20
"""Most instructions in a file; the published ones have up to some 300,000."""


@dataclass(frozen=True)
class Layout:
    """File layout of one of the two data sets."""

    name: str
    torchvision: str
    folder: str
    train: tuple[str, ...]
    test: str
    meta: str
    labels: str
    names: str


CIFAR10 = Layout(
    name="cifar10",
    torchvision="CIFAR10",
    folder="cifar-10-batches-py",
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test="test_batch",
    meta="batches.meta",
    labels="labels",
    names="label_names",
)
CIFAR100 = Layout(
    name="cifar100",
    torchvision="CIFAR100",
    folder="cifar-100-python",
    train=("train",),
    test="test",
    meta="meta",
    labels="fine_labels",
    names="fine_label_names",
)


def load(layout: Layout, loading: LoadingConfig, places: Places) -> ArrayData:
    """Load CIFAR-10 or CIFAR-100; validation is split off the training images.

    Raises:
        DataError: the files are missing or damaged.
    """
    files = [*layout.train, layout.test, layout.meta]
    wanted = Wanted(
        layout.name,
        (layout.folder,),
        f"{layout.folder}/ with {', '.join(files)}",
        "--download fetches it",
        layout.torchvision,
    )
    folder = places.locate(
        wanted, lambda at: at if all((at / f).is_file() for f in files) else None
    )
    classes = [str(each) for each in _field(folder / layout.meta, layout.names, list)]
    batches = [_batch(folder / file, layout.labels, len(classes)) for file in layout.train]
    train = Part(
        np.concatenate([batch.images for batch in batches]),
        np.concatenate([batch.labels for batch in batches]),
    )
    test = _batch(folder / layout.test, layout.labels, len(classes))
    return assemble(layout.name, classes, Parts(train, test), loading)


load_cifar10 = partial(load, CIFAR10)
load_cifar100 = partial(load, CIFAR100)


def _batch(path: Path, labels_name: str, num_classes: int) -> Part:
    """Read the images and labels in a file.

    Raises:
        DataError: the file does not have the published form.
    """
    images = _field(path, "data", np.ndarray)
    labels = np.asarray(_field(path, labels_name, list))
    right = images.dtype == np.uint8 and images.shape == (len(labels), 3 * 32 * 32)
    if not right or labels.dtype.kind != "i":
        raise DataError(f"{path}: is damaged: not n × 3072 bytes and n labels")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise DataError(f"{path}: has labels outside 0 to {num_classes - 1}")
    return Part(images.reshape(-1, 3, 32, 32), labels.astype(np.int64))


def _field(path: Path, name: str, kind: type) -> Any:  # noqa: ANN401
    """Read a field of the dictionary in a file.

    Raises:
        DataError: the file is damaged, or has no such field.
    """
    content = read_pickle(path)
    found = content.get(name, content.get(name.encode()))
    if not isinstance(found, Sized) or not isinstance(found, kind) or not len(found):
        raise DataError(f"{path}: is damaged: it has no {name!r}")
    return found


def read_pickle(path: Path) -> Mapping[object, object]:
    """Read a pickled dictionary of arrays and plain values.

    Raises:
        DataError: the file is damaged, or contains anything else.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(  # noqa: TRY301
                f"{path}: has over {MOST_BYTES >> 20} MiB; a published file has less"
            )
        with path.open("rb") as file:
            check_steps(file)
            with redirect_stderr(io.StringIO()):  # NumPy prints errors of arrays that it frees
                content = ArrayUnpickler(file, encoding="latin1").load()
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise almost anything
        reason = cut(str(error)) or type(error).__name__
        raise DataError(f"{path}: is damaged: {reason}") from error
    if not isinstance(content, Mapping):
        raise DataError(f"{path}: is damaged: it does not hold a dictionary")
    return content


def check_steps(file: BinaryIO) -> None:
    """Refuse a pickle of too many instructions, or whose table of values would fill the memory.

    Python allocates the table up to the largest index in the file, whatever that is.

    Raises:
        ValueError: it is one, or no pickle.
    """
    for step, (code, argument, _) in enumerate(pickletools.genops(file)):
        index = argument if code.name.endswith("PUT") and isinstance(argument, int) else 0
        if max(step, index) > MOST_STEPS:
            raise ValueError("it has more instructions than a published file")
    file.seek(0)


def empty_array(*_: object) -> np.ndarray[Any, Any]:
    """Return an empty array, which the unpickler then fills."""
    return np.ndarray.__new__(np.ndarray, (0,), "b")


class ArrayUnpickler(pickle.Unpickler):
    """Unpickler for NumPy arrays and plain values that runs no other code.

    An array gets its memory from its own bytes in the file, never from a shape alone.
    """

    ALLOWED: ClassVar[Mapping[tuple[str, str], object]] = {
        ("numpy", "ndarray"): "ndarray",
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): empty_array,
        ("numpy._core.multiarray", "_reconstruct"): empty_array,
        ("_codecs", "encode"): codecs.encode,
    }

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """Return what stands for an allowed class or function.

        Raises:
            UnpicklingError: it is not allowed.
        """
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self.ALLOWED[module, name]
