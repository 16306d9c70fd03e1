"""Atomic writing of files of this package, files of JSON lines, and locks on files."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""Errors of file systems that cannot tell when a file is on the disk."""


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
            reach_disk(file)
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
    try:
        place = path.absolute() if folder else path.absolute().parent
        existing = next(each for each in (place, *place.parents) if each.exists())
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False


class JsonLines:
    """File of JSON values, one on a line, to which values are appended.

    A line that a kill or a full disk cut short is ignored by `read` and overwritten by `append`.

    Args:
        path: of the file; the first `append` creates it with its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size: int | None = None

    def read(self) -> list[Any]:
        """Return the values of all whole lines; skip lines that are not JSON."""
        content = self.path.read_bytes() if self.path.exists() else b""
        self._size = content.rfind(b"\n") + 1
        found: list[Any] = []
        for line in content[: self._size].splitlines():
            with suppress(ValueError, RecursionError):
                found.append(json.loads(line))
        return found

    def append(self, values: Iterable[Any], *, sync: bool = True) -> None:
        """Append values.

        Args:
            values: to append, each on a line.
            sync: wait until they are on the disk.

        Raises:
            OSError: they cannot be written; the next call replaces any part that was.
        """
        if self._size is None:
            self.read()
        text = "".join(f"{json.dumps(value)}\n" for value in values).encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.truncate(self._size)
            file.write(text)
            if sync:
                reach_disk(file)
        self._size = (self._size or 0) + len(text)


def lockable(folder: Path) -> bool:
    """Return whether files of a writable folder can be locked; leaves nothing behind.

    Args:
        folder: neither it nor its parents need to exist.
    """
    place = folder.absolute()
    existing = next(each for each in (place, *place.parents) if each.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            return lock(file)
    except OSError:
        return False


def reach_disk(file: IO[Any]) -> None:
    """Wait until a file is on the disk, if its file system supports that."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def lock(file: IO[Any] | int, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file until it is closed; return whether it is locked.

    The lock goes with the process, however that ends.

    Args:
        file: an open file, or the descriptor of an open folder.
        shared: allow other shared locks.
        wait: wait for the lock.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
