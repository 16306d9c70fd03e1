"""Errors that the trainer raises, as a small tree.

SwastError
├── ConfigError        a setting is wrong: its name, its value, and the valid values
├── DataError          a data set is missing or unusable
├── CheckpointError    a checkpoint is unreadable or belongs to another configuration
├── DivergedError      the loss is no longer finite
├── MaskError          masked weights are not the zeros that a network multiplies
├── UserCodeError      a user's network ended the program
└── DisagreementError  an exported network does not match the trained one
"""

from __future__ import annotations

import difflib
import math
import reprlib
from collections.abc import Iterable, Mapping


class SwastError(Exception):
    """Base class of the trainer's errors."""


class ConfigError(SwastError, ValueError):
    """Error of one or more invalid settings.

    Attributes:
        problems: one sentence for each invalid setting, on one line: names of fields may contain
            anything, so they are escaped.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(printable(cut(each, MOST_WHOLE)) for each in problems)
        super().__init__("\n".join(self.problems))

    def within(self, source: str) -> ConfigError:
        """Return the same problems, as `limited` has them, each led by a file or an option."""
        return ConfigError(f"{source}: {problem}" for problem in limited(self.problems))


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


class MaskError(SwastError):
    """Error of masks that do not hold: the network multiplies weights that they remove."""


class UserCodeError(SwastError):
    """Error of a user's network that ended the program during training."""


class DisagreementError(SwastError):
    """Error of an exported network that does not match the trained one."""


def nearest(name: str, valid: Iterable[str], meanings: Mapping[str, str] | None = None) -> str:
    """Return a hint ``; did you mean 'x'?`` if a valid name is close to ``name``, else ``""``.

    Args:
        name: that somebody wrote.
        valid: names.
        meanings: texts by name; one that begins with the words of ``name`` is closest.
    """
    known = list(valid) if len(name) <= MOST_SHOWN else []
    words = name.strip("'").rpartition(".")[2].replace("_", " ")
    texts = {each: f"{text} " for each, text in (meanings or {}).items()}
    told = [each for each in known if words and texts.get(each, "").startswith(f"{words} ")]
    close = [*told, *difflib.get_close_matches(name, known, n=1)]
    return f"; did you mean {close[0]!r}?" if close else ""


def cause_of(error: OSError) -> str:
    """Return the system's reason for an error, and the file, without the number."""
    cause = error.strerror or str(error)
    return f"{error.filename}: {cause}" if error.filename is not None else cause


MOST_LINES = 20
"""Lines of a message."""
MOST_LINE = 200
"""Characters of a problem."""
MOST_WHOLE = 2 * MOST_LINE
"""Characters of a line that names the place of a problem too."""
MOST_SHOWN = 80
"""Characters of a value in a message."""


def printable(text: str) -> str:
    """Return a text on one line, its control characters escaped as Python writes them."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def cut(text: str, most: int = MOST_LINE) -> str:
    """Return a text of at most some characters; a longer one loses its middle."""
    if len(text) <= most:
        return text
    tail = most * 2 // 5
    return f"{text[: most - tail - 3]} … {text[-tail:]}"


def limited(lines: Iterable[str], most: int = MOST_LINE) -> list[str]:
    """Return lines that can be printed: without control characters, and not too many.

    Args:
        lines: of a message.
        most: characters of each.
    """
    every = list(lines)
    first = every if len(every) <= MOST_LINES else every[: MOST_LINES - 1]
    more = len(every) - len(first)
    found = [cut(printable(cut(line, most)), most) for line in first]
    return [*found, f"… and {more:,} more"] if more else found


def shown(value: object) -> str:
    """Return a value as messages quote it, in at most `MOST_SHOWN` characters."""
    if isinstance(value, int) and value.bit_length() > 4 * MOST_SHOWN:
        return f"a number of {int(value.bit_length() * math.log10(2)) + 1:,} digits"
    return cut(_short(value), MOST_SHOWN)


class _Quoted(reprlib.Repr):
    """Representation of the beginning of lists and tables, with short numbers."""

    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002
        """Return a whole number."""
        return shown(x)


def _short(value: object) -> str:
    """Return the representation of a value, or of the beginning of a long one."""
    if isinstance(value, str | bytes):
        return repr(value[: MOST_SHOWN + 1])
    if isinstance(value, list | tuple | dict) and value:
        quoted = _Quoted()
        quoted.maxlevel, quoted.maxstring, quoted.maxother = 4, MOST_SHOWN, MOST_SHOWN
        quoted.maxlist = quoted.maxtuple = quoted.maxdict = MOST_SHOWN // 4
        return quoted.repr(value)
    return repr(value)


def path_to(table: str, name: object) -> str:
    """Return the dotted path of a field; a name that is long or has a dot is quoted."""
    plain = isinstance(name, str) and name.isprintable() and "." not in name
    text = str(name) if plain and len(str(name)) <= MOST_SHOWN else shown(name)
    return f"{table}.{text}" if table else text
