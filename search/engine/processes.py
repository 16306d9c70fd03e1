"""Processes of a Ray that this process started, found and ended whatever became of them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

SECONDS = 5.0
"""Longest wait for killed processes to be gone."""


def marked(token: str) -> list[int]:
    """Return the ids of the other processes whose environment holds a token."""
    mark, found = token.encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        number = int(path.parent.name)
        with suppress(OSError):
            if number != os.getpid() and mark in path.read_bytes():
                found.append(number)
    return found


def ended_children() -> dict[int, str]:
    """Return the names of this process's children that have ended and were not waited for."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = path.read_text(errors="replace").partition("(")[2].rpartition(")")
            state, parent, *_ = rest.split()
            if state == "Z" and int(parent) == os.getpid():
                found[int(path.parent.name)] = name
    return found


def end_marked(token: str) -> None:
    """Kill all processes whose environment holds a token, and those that they start meanwhile."""
    deadline = time.monotonic() + SECONDS
    while (found := marked(token)) and time.monotonic() < deadline:
        for number in found:
            with suppress(OSError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.02)
