"""The command line of a study: a flag for every field of its protocol."""

from __future__ import annotations

import dataclasses
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

P = TypeVar("P")


@dataclass(frozen=True)
class Request(Generic[P]):
    """What a study was asked for."""

    protocol: P
    out: Path
    workers: int


def parse(
    protocol: type[P], name: str, description: str, argv: Sequence[str] | None = None
) -> Request[P]:
    """Read a study's arguments; exits with a message where they make no sense.

    Args:
        protocol: a dataclass whose fields have defaults: numbers, texts, or tuples of them.
        name: of the module that is run.
        description: the first line of the help.
        argv: the arguments, those of the process by default.
    """
    parser = ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and summary")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    for each in dataclasses.fields(protocol):  # type: ignore[arg-type]
        flag = "--" + each.name.replace("_", "-")
        parser.add_argument(flag, default=each.default, **_kind(each.default))
    values = vars(parser.parse_args(argv))
    out, workers = values.pop("out"), values.pop("workers")
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    try:
        return Request(protocol(**values), out, workers)
    except ValueError as error:
        parser.error(str(error))


def _kind(default: object) -> dict[str, Any]:
    """How argparse reads a value like the default."""
    if isinstance(default, tuple):
        shown = " ".join(map(str, default))
        return {"nargs": "+", "type": type(default[0]), "help": f"default: {shown}"}
    return {"type": type(default), "help": f"default: {default}"}


def say(text: str) -> None:
    """Print a text on standard output."""
    sys.stdout.write(text + "\n")
