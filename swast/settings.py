"""Typed settings: the fields of a configuration, with their types, ranges and documentation.

A configuration table is a frozen dataclass that derives from `Table`; its fields are made with
`setting`. Each field's documentation, range and paper symbol are declared beside it. Validation,
error messages and the generated reference all read them from there.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Literal, TypeVar

from swast.errors import ConfigError, nearest, path_to, shown

T = TypeVar("T", bound="Table")

_hints: Callable[[type], dict[str, Any]] = cache(typing.get_type_hints)
"""Return the annotations of a table, resolved once."""


@dataclass(frozen=True)
class Setting:
    """Meaning and valid values of one field.

    Attributes:
        doc: its meaning.
        symbol: the paper's letter for it.
        low, above, high, below: its range, ``low <= value <= high``, open at ``above``/``below``.
        names: its valid values, if they are a fixed list and its type is not a ``Literal``.
        forms: patterns of further valid values, by the form shown to users.
        unlimited: whether infinity is allowed and stands for no limit.
        filled: whether a string must not be empty.
        least, most: bounds of what works, where the range allows more; the range in words is
            without them.
    """

    doc: str
    symbol: str = ""
    low: float | None = None
    above: float | None = None
    high: float | None = None
    below: float | None = None
    names: tuple[str, ...] = ()
    forms: Mapping[str, str] = field(default_factory=dict)
    unlimited: bool = False
    filled: bool = False
    least: float | None = None
    most: float | None = None

    def allows(self, value: float) -> bool:
        """Return whether a number is in the range; NaN never is, infinity only as "no limit"."""
        if value == math.inf:
            return self.unlimited
        return (
            abs(value) <= sys.float_info.max
            and self.spans(value)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
        )

    def spans(self, value: float) -> bool:
        """Return whether a number is in the range in words."""
        return (
            (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
        )

    def range_for(self, value: object) -> str:
        """Return the range in words that a wrong value is out of."""
        if not is_number(value, float) or not self.spans(typing.cast("float", value)):
            return self.range
        number = typing.cast("float", value)
        under = self.least is not None and number < self.least
        over = self.most is not None and self.most < number < math.inf
        if not under and not over:
            return self.range
        least = self.low if self.least is None else self.least
        above = self.above if self.least is None else None
        return replace(self, low=least, above=above, high=self.most or self.high).range

    def has_form(self, value: object) -> bool:
        """Return whether a string matches one of the forms entirely."""
        return isinstance(value, str) and any(
            re.fullmatch(pattern, value) for pattern in self.forms.values()
        )

    @cached_property
    def range(self) -> str:
        """Range in words, as ``in (0, 1]`` or ``at least 1``."""
        low = self.low if self.above is None else self.above
        high = self.high if self.below is None else self.below
        if low is None and high is None:
            return "finite"
        if high is None:
            return f"{'at least' if self.above is None else 'above'} {_plain(low)}"
        if low is None:
            return f"{'at most' if self.below is None else 'below'} {_plain(high)}"
        opening, closing = (
            "(" if self.above is not None else "[",
            ")" if self.below is not None else "]",
        )
        return f"in {opening}{_plain(low)}, {_plain(high)}{closing}"


LONGEST = 10**10
LONGEST_PATH, LONGEST_PART = 4096, 255
"""Bytes of a path, and of each name in it."""


def _plain(number: float | None) -> str:
    """Format a limit; integers up to 10^10, and whole numbers up to a million, are written out."""
    most = LONGEST if isinstance(number, int) else 10**6
    short = number is not None and abs(number) <= most and number % 1 == 0
    return f"{number:.0f}" if short else f"{number:g}"


def setting(default: Any, doc: str, **limits: Any) -> Any:  # noqa: ANN401
    """Return a dataclass field with its `Setting`; a default of infinity stands for no limit."""
    limits = {"unlimited": default == math.inf} | limits
    return field(default=default, metadata={"setting": Setting(doc, **limits)})


@dataclass(frozen=True)
class FieldType:
    """Type of one setting.

    Attributes:
        kind: bool, int, float, str, Path, or tuple for a list.
        names: its valid values, if they are a fixed list.
        optional: whether None is valid, for a value that is not given.
    """

    kind: type
    names: tuple[str, ...] = ()
    optional: bool = False


@cache
def field_types(table: type[Table]) -> dict[str, FieldType]:
    """Return the type of every scalar field of a table, by field name."""
    types = {}
    for name, whole in _hints(table).items():
        optional = isinstance(whole, UnionType)
        hint = typing.get_args(whole)[0] if optional else whole
        if typing.get_origin(hint) is Literal:
            types[name] = FieldType(str, typing.get_args(hint), optional)
        elif typing.get_origin(hint) is tuple:
            types[name] = FieldType(tuple, optional=optional)
        elif isinstance(hint, type) and not issubclass(hint, Table):
            types[name] = FieldType(hint, optional=optional)
    return types


@cache
def subtables(table: type[Table]) -> dict[str, type[Table]]:
    """Return the nested tables of a table, by field name."""
    return {
        name: hint
        for name, hint in _hints(table).items()
        if isinstance(hint, type) and issubclass(hint, Table)
    }


EXPECTED = {
    bool: "true or false",
    str: "a string",
    tuple: "a list of strings",
    Path: "a path (a name in it: up to 255 bytes)",
}


def check(value: object, path: str, kind: FieldType, limits: Setting) -> str | None:
    """Return an error message if a value is invalid for the setting at ``path``, else None."""
    names = kind.names or limits.names
    if value is None and kind.optional:
        return None
    if names:
        expected = f"one of {', '.join([*names, *limits.forms])}"
        right = value in names or limits.has_form(value)
    elif kind.kind in (int, float):
        expected, right = limits.range_for(value), is_number(value, kind.kind)
        if not right:
            expected = f"{'a whole number' if kind.kind is int else 'a number'} {expected}"
        right = right and limits.allows(typing.cast("float", value))
    else:
        expected = EXPECTED[kind.kind]
        if kind.kind is tuple:
            right = is_texts(value)
        else:
            right = is_path(value) if kind.kind is Path else isinstance(value, kind.kind)
            right = right and (value != "" or not limits.filled)
    if right:
        return None
    hint = nearest(value, names) if isinstance(value, str) else ""
    return f"{path} must be {expected}, got {shown(value)}{hint}"


def check_table(value: object, path: str, table: type[Table]) -> list[str]:
    """Return error messages if a value is invalid for a nested table."""
    right = isinstance(value, table)
    return [] if right else [f"{path} must be a {table.__name__}, got {shown(value)}"]


def is_texts(value: object) -> bool:
    """Return whether a value is a list or tuple of strings."""
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def is_path(value: object) -> bool:
    """Return whether a value is a path that a file can have."""
    if not isinstance(value, str | Path):
        return False
    try:
        written = os.fsencode(value)
    except UnicodeEncodeError:
        return False
    longest = max(map(len, written.split(b"/")))
    return 0 < len(written) < LONGEST_PATH and longest <= LONGEST_PART and b"\0" not in written


def is_number(value: object, kind: type) -> bool:
    """Return whether a value is an integer or, for ``float``, any number; booleans are neither."""
    return isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Base class of configuration tables, which checks every field on construction.

    Raises:
        ConfigError: a field has the wrong type or is out of range; all such fields are named.
    """

    table: ClassVar[str] = ""

    def __post_init__(self) -> None:
        prefix = f"{self.table}." if self.table else ""
        types, nested = field_types(type(self)), subtables(type(self))  # type: ignore[arg-type]
        problems = []
        for each in dataclasses.fields(self):
            if each.name in nested:
                problems += check_table(getattr(self, each.name), each.name, nested[each.name])
                continue
            value = getattr(self, each.name)
            limits = each.metadata["setting"]
            problem = check(value, prefix + each.name, types[each.name], limits)
            if problem:
                problems.append(problem)
            elif types[each.name].kind in (float, tuple, Path) and value is not None:
                object.__setattr__(self, each.name, types[each.name].kind(value))
        if problems:
            raise ConfigError(problems)


def plain(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of a dataclass as TOML and JSON store them, with lists for tuples."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields}


def from_mapping(cls: type[T], values: Mapping[str, object], prefix: str = "") -> T:
    """Build a table from nested plain values, and collect every problem in them.

    Raises:
        ConfigError: unknown fields (with the nearest valid name) and bad values.
    """
    nested, fields = subtables(cls), dataclasses.fields(cls)  # type: ignore[arg-type]
    names = {each.name: getattr(each.metadata.get("setting"), "doc", "") for each in fields}
    problems, arguments = list[str](), dict[str, Any]()
    for name, value in values.items():
        path = prefix + path_to("", name)
        if name not in names:
            problems.append(f"{path} is not a field{nearest(name, names, names)}")
        elif name in nested and not isinstance(value, Mapping):
            problems.append(f"{path} must be a table of fields, got {shown(value)}")
        elif name in nested and isinstance(value, Mapping):
            try:
                arguments[name] = from_mapping(nested[name], value, f"{path}.")
            except ConfigError as error:
                problems.extend(error.problems)
        else:
            arguments[name] = value
    try:
        made = cls(**arguments)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return made
