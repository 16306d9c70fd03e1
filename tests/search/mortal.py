"""Root as other users are: the permissions of files count."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = 0x20080522
OVERRIDES = 0b1110
"""The capabilities to write, read and own files whatever their permissions."""


@contextmanager
def mortal() -> Iterator[None]:
    """Take from this thread what only root may do to files; give it back at the end."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    before = sets[0]
    sets[0] &= ~OVERRIDES
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0


def protect(folder: Path, *, writable: bool = False) -> None:
    """Set the permissions of a folder and all that is in it."""
    for path in [folder, *folder.rglob("*")]:
        mode = 0o555 if path.is_dir() else 0o444
        os.chmod(path, mode | (0o200 if writable else 0))  # noqa: PTH101
