"""Folders outside the home that Ray needs while it runs: gone with the process that made them."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "swast-ray-"
LOCK = "lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder with a short path, as Ray's sockets need; removed when the block ends.

    A process that is killed cannot remove its own: those whose locks nobody holds go first.
    """
    place = Path(tempfile.gettempdir())
    for path in place.glob(f"{PREFIX}*"):
        _remove_if_left(path)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    """Remove a folder whose owner is dead."""
    with suppress(OSError), (folder / LOCK).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
