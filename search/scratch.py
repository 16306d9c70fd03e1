"""Folders outside the home that Ray needs while it runs: gone with the process that made them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "swast-ray-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder with a short path, as Ray's sockets need; removed when the block ends.

    A process that is killed cannot remove its own: those of dead processes are removed first.
    """
    place = Path(tempfile.gettempdir())
    for path in place.glob(f"{PREFIX}*"):
        if not _alive(path.name.removeprefix(PREFIX).partition("-")[0]):
            shutil.rmtree(path, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: str) -> bool:
    """Whether a process runs on this machine."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
