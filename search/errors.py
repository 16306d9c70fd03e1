"""Errors of the search, as a small tree, and the line that reports them to the user.

SearchError
├── RequestError              the request was wrong: reported in one line, exit code 2
│   └── UnreadableError       a stored search is damaged, or a newer version wrote it
├── SearchFailedError         the search ran and failed: exit code 1
│   └── DamagedDatabaseError  the search database is damaged, or a table of it is missing
├── RayLostError              Ray ended below a search, which can be resumed: exit code 1
└── MismatchError             an exported configuration gave another result: exit code 1
"""

from __future__ import annotations

from swast.printing import err


class SearchError(Exception):
    """Base of every error that the search raises on purpose."""


class RequestError(SearchError, ValueError):
    """The request was wrong: what, where, and what would be right."""


class UnreadableError(RequestError):
    """A stored search cannot be read.

    Attributes:
        why: ``damaged: …``, or ``written by a newer version (0.3.0): …``.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"search {name!r}: {why}")
        self.why = why


class SearchFailedError(SearchError):
    """The search ran and failed."""


class DamagedDatabaseError(SearchFailedError):
    """The search database is damaged, or a table of it is missing."""


class RayLostError(SearchError):
    """Ray ended below a search, or did not start."""


class MismatchError(SearchError):
    """An exported configuration gave another result when it was trained again."""


def say(line: str) -> None:
    """Print a line to the error stream, led by the name of the program."""
    err(f"swast-search: {line}")
