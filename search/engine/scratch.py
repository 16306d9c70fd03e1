"""Folders for Ray's files outside the home, removed with the process that made them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from swast.files import lock

PREFIX = "swast-ray-"
LOCK = "lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder with a short path, as Ray's sockets need; remove it at the end.

    A killed process cannot remove its own, so unlocked leftovers are removed first.
    """
    place = Path(tempfile.gettempdir())
    for path in place.glob(f"{PREFIX}*"):
        _remove_if_left(path)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    with (folder / LOCK).open("w") as file:
        lock(file, wait=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    """Remove a folder if its owner is dead."""
    with suppress(OSError), (folder / LOCK).open() as file:
        if lock(file):
            shutil.rmtree(folder, ignore_errors=True)
