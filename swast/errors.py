"""Errors that the trainer raises, as a small tree.

SwastError
├── ConfigError        a setting is wrong: its name, its value, and the valid values
├── DataError          a data set is missing or unusable
├── CheckpointError    a checkpoint is unreadable or belongs to another configuration
├── DivergedError      the loss is no longer finite
└── DisagreementError  an exported network does not match the trained one
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SwastError(Exception):
    """Base class of the trainer's errors."""


class ConfigError(SwastError, ValueError):
    """Error of one or more invalid settings.

    Attributes:
        problems: one sentence for each invalid setting.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def within(self, source: str) -> ConfigError:
        """Return the same problems, each led by ``source`` (a file, an option)."""
        return ConfigError(f"{source}: {problem}" for problem in self.problems)


class DataError(SwastError):
    """Error of a data set that is missing or unusable.

    Its message is one line: names of files may contain anything, so they are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class CheckpointError(SwastError):
    """Error of a checkpoint that is unreadable or belongs to another configuration."""


class DivergedError(SwastError):
    """Error of a run whose loss is no longer finite."""


class DisagreementError(SwastError):
    """Error of an exported network that does not match the trained one."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a hint ``; did you mean 'x'?`` if a valid name is close to ``name``, else ``""``."""
    close = difflib.get_close_matches(name, list(valid), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def printable(text: str) -> str:
    """Return a text on one line, its control characters escaped as Python writes them."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
