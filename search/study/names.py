"""Names of searches and studies that are safe in files, pages and commands."""

from __future__ import annotations

import re

from search.errors import RequestError
from swast.errors import shown

MOST_NAME = 100
NAME = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9._-]{{0,{MOST_NAME - 2}}}[A-Za-z0-9_-])?")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows gives to devices."""


def check_name(name: str, what: str) -> None:
    """Refuse a name that is not a valid file name on every system.

    Raises:
        RequestError: naming it.
    """
    if not is_name(name):
        raise RequestError(
            f"{what} must be letters, digits, '.', '_' and '-', up to {MOST_NAME}, a letter or "
            f"digit first and no '.' last, and not a device of Windows, got {shown(name)}"
        )


def is_name(name: str) -> bool:
    """Return whether a name is a valid file name on every system."""
    return bool(NAME.fullmatch(name)) and not RESERVED.fullmatch(name)
