"""Folders for Ray's files outside the home, removed with the process that made them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from search.errors import RequestError
from swast.files import lock

PREFIX = "swast-ray-"
LOCK = "lock"
SOCKET_BYTES = 107
"""Longest path of a socket, in bytes."""
LONGEST = f"/{PREFIX}12345678/session_2026-11-28_18-19-05_205447_1234567/sockets/plasma_store"
"""Longest path of a socket of Ray's below a place."""
LEAST_BYTES = 32 * 2**20
"""Free space that Ray's sockets and logs need."""
PLAIN = re.compile(r"[\w./+@:,~-]+", re.ASCII)
"""Paths that Ray passes on: it splits command lines at spaces, and reads storage as URLs."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder with a short path, as Ray's sockets need; remove it at the end.

    It is in TMPDIR if that is suitable, else in another folder for temporary files. A killed
    process cannot remove its own, so unlocked leftovers are removed first.

    Raises:
        RequestError: no folder for temporary files is suitable.
    """
    for place in places():
        for path in place.glob(f"{PREFIX}*"):
            _remove_if_left(path)
    folder, file = _new_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        file.close()


def places() -> list[Path]:
    """Return the folders for temporary files, TMPDIR first."""
    given = [os.environ.get("TMPDIR"), "/tmp", os.environ.get("XDG_RUNTIME_DIR")]
    given += ["/var/tmp", "/dev/shm"]
    return [Path(path) for path in dict.fromkeys(given) if path]


def obstacle(place: Path) -> str | None:
    """Return why Ray's files cannot be in a folder, or None."""
    if not place.is_absolute() or not place.is_dir():
        return "is no folder"
    found = os.statvfs(place)
    faults = {
        f"is longer than {SOCKET_BYTES - len(LONGEST)} bytes": (
            len(os.fsencode(place)) + len(LONGEST) > SOCKET_BYTES
        ),
        "has other characters than letters, digits and ./+@:,~-_": not PLAIN.fullmatch(str(place)),
        "is not writable": not os.access(place, os.W_OK | os.X_OK),
        "is full": found.f_bavail * found.f_frsize < LEAST_BYTES,
    }
    return next((fault for fault, holds in faults.items() if holds), None)


def _new_folder() -> tuple[Path, IO[str]]:
    """Return a new folder and its lock, which lasts until the file is closed."""
    reasons = []
    for place in places():
        reason = obstacle(place)
        while reason is None:
            try:
                folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
                file = (folder / LOCK).open("w")
            except OSError as error:
                reason = f"cannot be used: {error.strerror}"
                continue
            lock(file, wait=True)
            if (folder / LOCK).exists():  # else another process removed it before it was locked
                return folder, file
            file.close()
        reasons.append(f"{str(place)!r} {reason}")
    raise RequestError(
        f"TMPDIR: no folder for Ray's temporary files: {'; '.join(reasons)}; "
        "set TMPDIR to a short path that you may write to"
    )


def _remove_if_left(folder: Path) -> None:
    """Remove a folder of this user if its owner is dead."""
    with suppress(OSError):
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            return
        with (folder / LOCK).open() as file:
            if lock(file):
                shutil.rmtree(folder, ignore_errors=True)
