"""Atomic writing of files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces ``path`` if the block ends without an error.

    Readers see either the old content or the new, even after a crash.
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
    """Return whether a file or folder could be written; tries it and leaves nothing behind.

    Args:
        path: the file or folder; neither it nor its parents need to exist.
        folder: True for a folder, False for a file.
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
