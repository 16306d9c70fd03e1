"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` when the block ends well.

    A reader sees the old content or the new, never a part, even after a crash.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def writable(path: Path, *, folder: bool) -> bool:
    """Whether a file or folder could be written, by trying, with nothing left behind.

    Args:
        path: of the file or folder; neither it nor the folders above it need to exist.
        folder: which of the two it is to be.
    """
    if not folder and path.is_dir():
        return False
    place = path.absolute() if folder else path.absolute().parent
    try:
        existing = next(each for each in (place, *place.parents) if each.exists())
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False
