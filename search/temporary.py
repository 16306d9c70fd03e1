"""Folders for temporary files. A killed process leaves its own; the next command removes them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from swast.files import lock

PREFIX = "swast-"
LOCK = "lock"


def places() -> list[Path]:
    """Return the folders for temporary files, TMPDIR first."""
    given = [os.environ.get("TMPDIR"), "/tmp", os.environ.get("XDG_RUNTIME_DIR")]
    given += ["/var/tmp", "/dev/shm"]
    return [Path(path) for path in dict.fromkeys(given) if path]


@contextmanager
def temporary_folder(prefix: str = PREFIX, place: Path | None = None) -> Iterator[Path]:
    """Yield a new folder, and remove it at the end.

    Args:
        prefix: first characters of its name; `PREFIX` or longer.
        place: where it is; None: where Python's temporary files are.

    Raises:
        OSError: it cannot be made.
    """
    folder, file = _new_folder(prefix, place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        file.close()


def remove_leftovers() -> None:
    """Remove this user's folders whose processes are dead."""
    for place in places():
        for path in place.glob(f"{PREFIX}*"):
            _remove_if_left(path)


def _new_folder(prefix: str, place: Path | None) -> tuple[Path, IO[str]]:
    """Return a new folder and its lock, which lasts until the file is closed."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        try:
            file = (folder / LOCK).open("w")
        except FileNotFoundError:
            continue
        lock(file, wait=True)
        if (folder / LOCK).exists():  # else another process removed it before it was locked
            return folder, file
        file.close()


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            return
        with (folder / LOCK).open() as file:
            if lock(file):
                shutil.rmtree(folder, ignore_errors=True)
