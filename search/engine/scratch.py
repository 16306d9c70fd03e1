"""Folders for Ray's files outside the home, with paths that Ray can use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from search.errors import RequestError
from search.temporary import PREFIX as OURS
from search.temporary import places, temporary_folder

PREFIX = f"{OURS}ray-"
SOCKET_BYTES = 107
"""Longest path of a socket, in bytes."""
INNER = "r"
"""Folder for Ray itself, which opens it to all users, in one that stays closed to them."""
LONGEST = (
    f"/{PREFIX}12345678/{INNER}/session_2026-11-28_18-19-05_205447_1234567/sockets/plasma_store"
)
"""Longest path of a socket of Ray's below a place."""
LEAST_BYTES = 32 * 2**20
"""Free space that Ray's sockets and logs need."""
PLAIN = re.compile(r"[\w./+@:,~-]+", re.ASCII)
"""Paths that Ray passes on: it splits command lines at spaces, and reads storage as URLs."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder with a short path, as Ray's sockets need; remove it at the end.

    It is in TMPDIR if that is suitable, else in another folder for temporary files. No other user
    can get into it.

    Raises:
        RequestError: no folder for temporary files is suitable.
    """
    with ExitStack() as stack:
        folder = _new_folder(stack) / INNER
        folder.mkdir()
        yield folder


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


def _new_folder(stack: ExitStack) -> Path:
    """Return a new folder, which lasts until the stack is closed."""
    reasons = []
    for place in places():
        reason = obstacle(place)
        if reason is None:
            try:
                return stack.enter_context(temporary_folder(PREFIX, place))
            except OSError as error:
                reason = f"cannot be used: {error.strerror}"
        reasons.append(f"{str(place)!r} {reason}")
    raise RequestError(
        f"TMPDIR: no folder for Ray's temporary files: {'; '.join(reasons)}; "
        "set TMPDIR to a short path that you may write to"
    )
