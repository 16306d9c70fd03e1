"""npz:PATH: arrays in a NumPy archive: ``x_train``, ``y_train``, ``x_test``, ``y_test``.

``x_val`` and ``y_val`` are optional; without them, validation is split off the training part.
The form of the arrays is documented at `from_arrays`.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from swast.config import LoadingConfig
from swast.data.arrays import from_arrays
from swast.data.base import ArrayData
from swast.data.limits import check_unpacked
from swast.data.places import Places, Wanted
from swast.errors import DataError

KEYS = ("x_train", "y_train", "x_test", "y_test")
OPTIONAL = ("x_val", "y_val")
HEADERS = {(1, 0): "read_array_header_1_0", (2, 0): "read_array_header_2_0"}
"""NumPy's readers of headers, by the version of the format; later ones hold records alone."""


def load(path: str, loading: LoadingConfig, places: Places) -> ArrayData:
    """Load the arrays in an archive.

    Raises:
        DataError: the file is missing or damaged, or its arrays do not have the required form.
    """
    wanted = Wanted(f"npz:{path}", (path,), f"a NumPy archive of {', '.join(KEYS)}", "")
    file = places.locate_path(wanted, lambda at: at if at.is_file() else None)
    arrays = read_npz(file)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise DataError(f"{file}: has no {', '.join(missing)}; it needs {', '.join(KEYS)}")
    if len({key for key in OPTIONAL if key in arrays}) == 1:
        raise DataError(f"{file}: has one of x_val and y_val; it takes both or neither")
    val = (arrays["x_val"], arrays["y_val"]) if "x_val" in arrays else None
    train, test = ((arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test"))
    return from_arrays(train, test, val, name=str(file), loading=loading)


def read_npz(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read the arrays of a data set from an archive; other arrays in it are not read.

    Raises:
        DataError: the file is not an archive, is damaged, contains Python objects, or would unpack
            to more than `swast.data.limits` allows.
    """
    try:
        _check_kind(path)
        with zipfile.ZipFile(path) as archive:
            files = {
                name: archive.getinfo(f"{name}.npy")
                for name in (*KEYS, *OPTIONAL)
                if f"{name}.npy" in archive.namelist()
            }
            check_unpacked(path, sum(info.file_size for info in files.values()))
            return {name: _array(archive, info) for name, info in files.items()}
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise almost anything
        raise DataError(f"{path}: cannot be read as a NumPy archive: {_reason(error)}") from error


def _check_kind(path: Path) -> None:
    """Refuse an array that was saved by itself.

    Raises:
        DataError: it is one.
    """
    with path.open("rb") as file:
        if file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
            raise DataError(f"{path}: is one array, not an archive of several (numpy.savez)")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray[Any, Any]:
    """Read an array, after checking that the file has as many bytes as its shape needs.

    Raises:
        ValueError: it has not, or holds Python objects.
    """
    reader = np.lib.format
    with archive.open(info) as file:
        version = reader.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"{info.filename} has the unknown version {version}")
        shape, _, dtype = getattr(reader, HEADERS[version])(file)
        needed = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        if min(shape, default=0) < 0 or needed != info.file_size - file.tell():
            raise ValueError(f"{info.filename} says {shape} of {dtype}, and holds other bytes")
    with archive.open(info) as file:
        array: np.ndarray[Any, Any] = reader.read_array(file, allow_pickle=False)
        return array


def _reason(error: Exception) -> str:
    """Return why a file cannot be read."""
    if isinstance(error, zipfile.BadZipFile):
        return "it is damaged or of another kind; numpy.savez writes what is right"
    return (str(error) or type(error).__name__).splitlines()[0]
