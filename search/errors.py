"""What can go wrong in a search, as a small tree.

SearchError
├── RequestError       the request was wrong: said in one line, exit code 2
├── SearchFailedError  the search ran and failed: exit code 1
└── MismatchError      what was exported does not hold when it is tried: exit code 1
"""

from __future__ import annotations


class SearchError(Exception):
    """Base of every error that the search raises on purpose."""


class RequestError(SearchError, ValueError):
    """The request was wrong: what, where, and what would be right."""


class SearchFailedError(SearchError):
    """The search ran and failed."""


class MismatchError(SearchError):
    """What was exported does not hold when it is tried."""
