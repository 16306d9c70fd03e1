"""Limits of a file of settings: nesting, fields and values, counted before it is parsed.

No parser then meets a text that takes it long, or that overflows its stack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from swast.errors import ConfigError, path_to, shown

MOST_DEPTH = 64
"""Levels of nesting."""
MOST_FIELDS = 1000
"""Fields of all tables together, tables included."""
MOST_VALUES = 10_000
"""Values of all fields and lists together."""

MOST_BITS = 4096
"""Bits of a whole number; what a field allows is far less."""

TOML_TOKENS = re.compile(
    r'"""(?:[^"\\]+|\\.|"(?!""))*(?:"{3,5}|\\?\Z)'
    r"|'''(?:[^']+|'(?!''))*(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]+|\\[^\n])*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*"
    r"|[\[\]{}=,.]",
    re.DOTALL,
)
JSON_TOKENS = re.compile(r'"(?:[^"\\]+|\\.)*"?|[\[\]{}:,]', re.DOTALL)
"""Strings, comments and the marks that structure a text."""
MARKS = {
    "[": (1, 0, 1),
    "{": (1, 0, 1),
    "]": (-1, 0, 0),
    "}": (-1, 0, 0),
    "=": (0, 1, 0),
    ":": (0, 1, 0),
    ",": (0, 0, 1),
}
"""Levels, fields and values that a mark adds."""


class Count:
    """Count of levels, fields and values so far.

    Raises:
        ConfigError: one of them is over its limit.
    """

    def __init__(self) -> None:
        self.fields = self.values = 0

    def add(self, fields: int, values: int) -> None:
        """Add fields and values."""
        self.fields += fields
        self.values += values
        if self.fields > MOST_FIELDS:
            raise ConfigError([f"has more than {MOST_FIELDS:,} fields"])
        if self.values > MOST_VALUES:
            raise ConfigError([f"has more than {MOST_VALUES:,} values"])

    def check_depth(self, depth: int) -> None:
        """Check a level of nesting."""
        if depth > MOST_DEPTH:
            raise ConfigError([f"is nested deeper than {MOST_DEPTH} levels"])


def scan(text: str, tokens: re.Pattern[str]) -> None:
    """Check a text of TOML or JSON before it is parsed.

    Args:
        text: to parse.
        tokens: of its language.

    Raises:
        ConfigError: it is over a limit.
    """
    count, depth, dots = Count(), 0, 0
    for found in tokens.finditer(text):
        mark = found[0]
        if mark == ".":  # between the parts of a key
            dots += 1
        elif mark in MARKS:
            deeper, fields, values = MARKS[mark]
            depth, dots = depth + deeper, 0
            count.add(fields, values)
        count.check_depth(depth + dots)


def check_tree(tree: Mapping[str, Any]) -> None:
    """Check parsed tables: their limits, the types of their values, and the text of their keys.

    Raises:
        ConfigError: one is over a limit; or values that no setting has, each named by its path.
    """
    count, problems = Count(), list[str]()
    left: list[tuple[str, Any, int]] = [("", tree, 0)]
    while left:
        path, value, depth = left.pop()
        count.check_depth(depth)
        if isinstance(value, Mapping):
            count.add(len(value), len(value))
            problems += [
                f"{path}{': ' if path else ''}the key {shown(key)} {why}"
                for key in value
                if (why := no_text(key))
            ]
            left += [(path_to(path, key), each, depth + 1) for key, each in value.items()]
        elif isinstance(value, list):
            count.add(0, len(value))
            left += [(f"{path}[{at}]", each, depth + 1) for at, each in enumerate(value)]
        elif isinstance(value, str):
            problems += [f"{path} {why}" for why in (no_text(value),) if why]
        elif isinstance(value, int) and value.bit_length() > MOST_BITS:
            problems.append(f"{path} must have at most {MOST_BITS} bits, got {shown(value)}")
        elif not isinstance(value, bool | int | float):
            problems.append(
                f"{path} is null; leave it out"
                if value is None
                else f"{path} must be a text, a number, true or false, a list or a table, "
                f"got {shown(value)}"
            )
    if problems:
        raise ConfigError(problems)


def no_text(value: object) -> str:
    """Return why a value is no text that can be stored; empty if it is one."""
    if not isinstance(value, str):
        return "is no text"
    if "\0" in value:
        return "has a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "has half a character (a lone surrogate)"
    return ""
