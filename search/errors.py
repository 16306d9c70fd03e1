"""Errors of the search, as a small tree, and the line that reports them to the user.

SearchError
├── RequestError       the request was wrong: reported in one line, exit code 2
├── SearchFailedError  the search ran and failed: exit code 1
├── RayLostError       Ray ended below a search, which can be resumed: exit code 1
└── MismatchError      an exported configuration gave another result: exit code 1
"""

from __future__ import annotations

import sys


class SearchError(Exception):
    """Base of every error that the search raises on purpose."""


class RequestError(SearchError, ValueError):
    """The request was wrong: what, where, and what would be right."""


class SearchFailedError(SearchError):
    """The search ran and failed."""


class RayLostError(SearchError):
    """Ray ended below a search, or did not start."""


class MismatchError(SearchError):
    """An exported configuration gave another result when it was trained again."""


def say(line: str) -> None:
    """Write a line to the error stream, led by the name of the program."""
    sys.stderr.write(f"swast-search: {line}\n")
    sys.stderr.flush()
