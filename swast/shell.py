"""Running of a command for the shell: its standard streams and its exit code."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from swast.libraries import libraries_silent
from swast.options import REFUSED
from swast.printing import Stream, err, guarded

DONE, FAILED = 0, 1
BROKEN_PIPE = 128 + 13
"""Exit code of a command that SIGPIPE ends, as shells report it."""
STANDARD_FILES = (0, 1, 2)


def run_command(name: str, work: Callable[[], int], *, only_prints: bool = True) -> int:
    """Run a command and return its exit code, which shows whether printed output was lost.

    Args:
        name: of the program, for messages.
        work: does the work and returns its exit code.
        only_prints: whether the work is of no use without a reader; then a reader that leaves
            early, as ``head`` does, is not reported.

    Raises:
        SystemExit: as the work does.
    """
    _open_standard_files()
    left: SystemExit | None = None
    with guarded() as streams, libraries_silent():
        try:
            code = _run(name, work)
        except SystemExit as stop:
            left, code = stop, int(stop.code or 0)
        finally:
            for stream in streams:
                stream.flush()
            lost = _lost(*streams)
            if lost is not None and not (only_prints and lost.errno == errno.EPIPE):
                err(f"{name}: not all output could be printed: {lost.strerror}")
            for stream in streams:
                _discard(stream)
    if lost is not None:
        code = code or (BROKEN_PIPE if lost.errno == errno.EPIPE else FAILED)
    if left is not None:
        raise SystemExit(code) from left
    return code


def _run(name: str, work: Callable[[], int]) -> int:
    """Do the work, if the current folder exists: relative paths and libraries need it."""
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        err(f"{name}: the current folder does not exist any more; change to another one")
        return REFUSED
    return work()


def _lost(output: Stream, errors: Stream) -> OSError | None:
    """Return why output was lost; None if none was. Closing the error stream is consent."""
    return output.loss or (None if errors.is_closed else errors.loss)


def _open_standard_files() -> None:
    """Open closed standard files, lest a database or a child's output gets their descriptors.

    Standard output that does not block would lose what a slow reader has not taken yet.
    """
    for descriptor in STANDARD_FILES:
        try:
            os.set_blocking(descriptor, True)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _discard(stream: Stream) -> None:
    """Send the rest of a broken stream nowhere: Python would try it again at its end."""
    if stream.loss is None or stream.is_closed:
        return
    with suppress(OSError, ValueError):
        descriptor = stream.fileno()
        if descriptor in STANDARD_FILES:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
            stream.inner.flush()
