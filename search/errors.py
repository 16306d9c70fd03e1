"""What can go wrong in a search, as a small tree, and how the user is told.

SearchError
├── RequestError       the request was wrong: said in one line, exit code 2
├── SearchFailedError  the search ran and failed: exit code 1
└── MismatchError      what was exported does not hold when it is tried: exit code 1
"""

from __future__ import annotations

import sys


class SearchError(Exception):
    """Base of every error that the search raises on purpose."""


class RequestError(SearchError, ValueError):
    """The request was wrong: what, where, and what would be right."""


class SearchFailedError(SearchError):
    """The search ran and failed."""


class MismatchError(SearchError):
    """What was exported does not hold when it is tried."""


def say(line: str) -> None:
    """Tell the user a line, on the error stream."""
    sys.stderr.write(f"swast-search: {line}\n")
    sys.stderr.flush()
