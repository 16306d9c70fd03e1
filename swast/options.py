"""Command-line options from typed settings: a table's fields become the options of a command."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from swast.errors import MOST_WHOLE, limited, nearest
from swast.settings import FieldType, Setting, Table, check, field_types

REFUSED = 2
"""Exit code of a wrong request."""
NUMBERS = {
    int: re.compile(r"[-+]?[0-9]{1,400}"),
    float: re.compile(
        r"[-+]?(?:(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][-+]?[0-9]{1,4})?|nan|inf)"
    ),
}
"""Numbers as they are written on a command line."""


@dataclass(frozen=True)
class Option(Setting):
    """Setting that is given on the command line.

    Attributes:
        metavar: placeholder of its value in the help.
        positional: whether it is given by its place instead of ``--name``.
        required: whether it must be given.
    """

    metavar: str = ""
    positional: bool = False
    required: bool = False


def option(default: Any, doc: str, **more: Any) -> Any:  # noqa: ANN401
    """Return a dataclass field that is an option.

    Args:
        default: its value when it is not given.
        doc: its help.
        more: further attributes of `Option`.
    """
    return field(default=default, metadata={"setting": Option(doc, **{"filled": True} | more)})


class Parser(argparse.ArgumentParser):
    """Argument parser that reports an error in one line and suggests the nearest option."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with code 2."""
        (line,) = limited([message], MOST_WHOLE)
        self.exit(REFUSED, f"{self.prog}: {line}\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401
        """Parse arguments, or exit with the nearest option to the first unknown one."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            hint = nearest(unknown[0].partition("=")[0], flags)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return options


def add_options(parser: argparse.ArgumentParser, table: type[Table]) -> None:
    """Add every field of a table as an option, with dashes for underscores."""
    types = field_types(table)  # type: ignore[arg-type]
    for each in dataclasses.fields(table):
        kind, limits = types[each.name], each.metadata["setting"]
        if kind.kind is bool:
            parser.add_argument(flag(each.name), action="store_true", help=limits.doc)
            continue
        given: dict[str, Any] = {"type": reader(kind, limits), "help": limits.doc}
        if limits.metavar or not limits.positional:
            given["metavar"] = placeholder(each.name, kind, limits)
        if kind.kind is tuple:
            given |= {"type": Path, "nargs": "+"}
        if limits.positional:
            given |= {"nargs": "?"} if kind.optional else {}
            parser.add_argument(each.name, **given)
        else:
            given |= {"default": each.default, "required": limits.required}
            parser.add_argument(flag(each.name), **given)


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add ``--version``."""
    parser.add_argument("--version", action="version", version=f"swast {version('swast')}")


def flag(name: str) -> str:
    """Return the flag of a field."""
    return f"--{name.replace('_', '-')}"


def placeholder(name: str, kind: FieldType, limits: Option) -> str:
    """Return the placeholder of an option's value in the help."""
    names = kind.names or limits.names
    return limits.metavar or ("|".join(names) if names else name.upper())


def reader(kind: FieldType, limits: Setting) -> Callable[[str], Any]:
    """Return the function that reads an option's value from the command line."""

    def read(text: str) -> Any:  # noqa: ANN401
        value: Any = text
        if kind.kind in (int, float) and NUMBERS[kind.kind].fullmatch(text):
            value = kind.kind(text)
        problem = check(value, "", kind, limits)
        if problem:
            raise argparse.ArgumentTypeError(problem.strip())
        return Path(text) if kind.kind is Path else value

    return read
