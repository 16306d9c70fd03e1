"""npz:PATH: arrays in a NumPy archive: ``x_train``, ``y_train``, ``x_test``, ``y_test``.

``x_val`` and ``y_val`` are optional; without them, validation is split off the training part.
The form of the arrays is documented at `from_arrays`.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from swast.config import LoadingConfig
from swast.data.arrays import from_arrays
from swast.data.base import ArrayData
from swast.data.places import Places, Wanted
from swast.errors import DataError

KEYS = ("x_train", "y_train", "x_test", "y_test")
OPTIONAL = ("x_val", "y_val")


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
        DataError: the file is not an archive, is damaged, or contains Python objects.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: is one array, not an archive of several (numpy.savez)")
            return {key: archive[key] for key in (*KEYS, *OPTIONAL) if key in archive}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error) or "it is damaged").splitlines()[0]
        if "pickle" in reason:
            reason = "it holds Python objects, or is of another kind"
        raise DataError(f"{path}: cannot be read as a NumPy archive: {reason}") from error
