"""Line on a terminal that names the phase of a search before its trials are shown.

Each phase takes the line of the one before, and the last one is erased, so that a request that is
refused leaves one line.
"""

from __future__ import annotations

import os
import sys

from search.driver.request import Request
from swast.outputs import is_standard_output

ERASE = "\r\x1b[2K"


def begin(request: Request, text: str) -> None:
    """Show a phase, unless the request wants nothing to be printed."""
    _write(request, f"{ERASE}{text} …")


def end(request: Request) -> None:
    """Erase the phase."""
    _write(request, ERASE)


def _write(request: Request, text: str) -> None:
    if _announces(request) and _redraws():
        sys.stdout.write(text)
        sys.stdout.flush()


def _announces(request: Request) -> bool:
    """Return whether a request wants phases; standard output may be for its summary alone."""
    kept = request.json is not None and is_standard_output(request.json)
    return not (request.quiet or request.dry_run or kept)


def _redraws() -> bool:
    """Return whether standard output is a terminal on which a line can be erased."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
