"""Outputs that a user names: regular files, links to them, devices, pipes and standard output."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO

from swast.files import writable
from swast.printing import standard_output

STREAM = -1
"""Place of standard output, in place of a descriptor."""
OPEN_FILE = re.compile(r"/proc/(\d+)(?:/task/\d+)?/fd/(\d+)")
MOST_LINKS = 40


@contextmanager
def output(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file whose content is written to an output if the block ends without an error.

    A regular file is replaced at once and keeps its mode and owner; if its folder does not allow
    that, its content is replaced. A link stays, and its target is written. ``-`` is standard
    output. A device, a pipe or an open file (``/dev/stdout``, ``/dev/fd/3``) is written to.

    Raises:
        OSError: it cannot be written; a regular file keeps its old content.
    """
    try:
        place = place_of(path)
        if isinstance(place, Path) and _is_replaceable(place):
            with _replacing(place) as file:
                yield file
        else:
            content = BytesIO()
            yield content
            _send(content.getvalue(), place)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_output(path: Path, content: str | bytes) -> None:
    """Write an output (see `output`)."""
    with output(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def refusal(path: Path) -> str | None:
    """Return the reason why an output cannot be written; None if it can. Leave nothing behind."""
    try:
        place = place_of(path)
        if isinstance(place, Path):
            return _refused(place)
        descriptor = _number() if place == STREAM else place
        if descriptor is not None and fcntl.fcntl(descriptor, fcntl.F_GETFL) & 3 == os.O_RDONLY:
            return "it is open for reading alone"
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return None


def is_standard_output(path: Path) -> bool:
    """Return whether an output is this process's standard output, under any name."""
    with suppress(OSError, ValueError):
        return place_of(path) == STREAM
    return False


def is_same(one: Path, other: Path) -> bool:
    """Return whether two outputs would overwrite each other: one file, or standard output."""
    with suppress(OSError, ValueError):
        place = place_of(one)
        is_kept = isinstance(place, int) or place.is_file() or not place.exists()
        return is_kept and place == place_of(other)
    return False


def place_of(path: Path) -> Path | int:
    """Return the place of an output: a path without links, an open descriptor, or `STREAM`.

    Raises:
        OSError: links go in a circle, or the current folder does not exist.
    """
    if str(path) == "-":
        return STREAM
    place = os.fspath(path)
    for _ in range(MOST_LINKS):
        folder, name = os.path.split(place)
        place = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118 - keeps ".." apart
        match = OPEN_FILE.fullmatch(place)
        if match and int(match[1]) == os.getpid():
            descriptor = int(match[2])
            return STREAM if descriptor == _number() else descriptor
        if not os.path.islink(place):  # noqa: PTH114
            return STREAM if _is_redirected(place) else Path(place)
        place = os.path.join(os.path.dirname(place), os.readlink(place))  # noqa: PTH115, PTH118, PTH120
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _number() -> int | None:
    """Return the descriptor of standard output; None if it has none, as in a notebook.

    Raises:
        OSError: it is closed.
    """
    stream = standard_output().inner
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def _is_redirected(place: str) -> bool:
    """Return whether standard output is redirected to a regular file of this path."""
    try:
        there, descriptor = os.stat(place), _number()  # noqa: PTH116
        here = None if descriptor is None else os.fstat(descriptor)
    except OSError:
        return False
    return here is not None and stat.S_ISREG(there.st_mode) and os.path.samestat(there, here)


def _refused(place: Path) -> str | None:
    """Return the reason why a path without links cannot be written."""
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return None if writable(place, folder=False) else "its folder cannot be written to"
    if stat.S_ISDIR(mode):
        return "it is a folder"
    if stat.S_ISSOCK(mode):
        return "it is a socket"
    return None if _may(place, os.W_OK) else "it is read-only"


def _may(place: Path, mode: int) -> bool:
    """Return whether this process has a right on a path."""
    return os.access(place, mode, effective_ids=True)


def _is_replaceable(place: Path) -> bool:
    """Return whether another file may take the place of a regular file, or of none.

    It may not if that would change the owner, undo a hard link, or create a file where that is not
    allowed.
    """
    try:
        there = place.stat()
    except FileNotFoundError:
        return True
    is_own = os.geteuid() in (0, there.st_uid) and (
        os.geteuid() == 0 or there.st_gid in (os.getegid(), *os.getgroups())
    )
    is_plain = stat.S_ISREG(there.st_mode) and there.st_nlink == 1
    allowed = _may(place, os.W_OK) and _may(place.parent, os.W_OK | os.X_OK)
    return is_own and is_plain and allowed


@contextmanager
def _replacing(place: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces a regular file if the block ends without an error."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{secrets.token_hex(6)}.partial")  # short: the name may be long
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            if place.exists():
                _copy_owner(place.stat(), file.fileno())
            os.fsync(file.fileno())
        try:
            partial.replace(place)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            _send(partial.read_bytes(), place)  # a single file that is mounted into a container
    finally:
        partial.unlink(missing_ok=True)


def _copy_owner(there: os.stat_result, descriptor: int) -> None:
    """Give an open file the owner, where that is allowed, and the mode of another."""
    with suppress(OSError):
        os.fchown(descriptor, there.st_uid, there.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(there.st_mode))


def _send(content: bytes, place: Path | int) -> None:
    """Write to an existing file of any kind, to an open descriptor, or to standard output."""
    if place == STREAM:
        standard_output().send(content)
        return
    descriptor = os.dup(place) if isinstance(place, int) else os.open(place, os.O_WRONLY)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123
        there = os.fstat(descriptor)
        is_whole = isinstance(place, Path) and stat.S_ISREG(there.st_mode)
        if is_whole and content:
            _reserve(descriptor, len(content), there.st_size)
        left = memoryview(content)
        while left:
            select.select([], [file], [])  # it may not block by itself
            left = left[file.write(left) or 0 :]
        if is_whole:
            file.truncate()


def _reserve(descriptor: int, size: int, before: int) -> None:
    """Reserve the space of a regular file's new content, so that a full disk leaves the old one.

    Raises:
        OSError: the disk is full.
    """
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        os.ftruncate(descriptor, before)
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
