"""A study file: what is fixed, what is searched, and the references to measure against.

description = "…"

[fixed]                 # fields of the training configuration; others take their defaults
epochs = 30

[space]                 # searched fields (see `search.space`)
interval = { low = 2, high = 10 }

[references.dense]      # configurations that are trained first, as changes to the fixed one
coreset.fraction = 1.0
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from search.errors import RequestError
from search.space import Domain, read_space
from swast.config import TrainConfig, flatten, parse_toml, read_text
from swast.errors import ConfigError, nearest

TABLES = ("description", "fixed", "space", "references")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Study:
    """A search to run.

    Attributes:
        name: the file's name without its ending.
        description: one line.
        fixed: the configuration on which every trial is built.
        space: what varies, in the order of the file.
        references: named configurations that are trained before anything is sampled.
        source: the text of the file, so that a search can be resumed without it.
    """

    name: str
    description: str
    fixed: TrainConfig
    space: tuple[Domain, ...]
    references: Mapping[str, TrainConfig]
    source: str

    def searched(self, config: TrainConfig) -> dict[str, Any]:
        """The values of the searched fields in a configuration, by dotted path."""
        return {domain.path: config.value(domain.path) for domain in self.space}


def shipped() -> dict[str, Path]:
    """The study files that come with the package, by name."""
    folder = Path(str(resources.files("studies")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_study(name: str) -> Study:
    """A shipped study by name, or one from a file.

    Raises:
        RequestError: there is no such study.
        ConfigError: what is wrong in the file, led by its name.
    """
    known = shipped()
    if name in known:
        return read_study(known[name])
    if name.endswith(".toml") or Path(name).is_file():
        return read_study(Path(name))
    raise RequestError(
        f"--study {name!r} is neither a file nor one of {', '.join(known)}{nearest(name, known)}"
    )


def read_study(path: Path) -> Study:
    """The study in a TOML file.

    Raises:
        ConfigError: every problem found, led by the file's name.
    """
    source = read_text(path)
    try:
        check_name(path.stem, "a study file's name")
        return parse_study(path.stem, source)
    except RequestError as error:
        raise ConfigError([f"{path}: {error}"]) from None
    except ConfigError as error:
        raise error.within(str(path)) from None


def parse_study(name: str, source: str) -> Study:
    """A study from the text of its file.

    Raises:
        ConfigError: every problem found.
    """
    tables = parse_toml(source)
    unknown = [key for key in tables if key not in TABLES]
    problems = [f"{key} is not a table{nearest(key, TABLES)}" for key in unknown]
    parts: dict[str, Any] = {"fixed": TrainConfig(), "space": ()}
    readers: dict[str, Callable[[Mapping[str, Any]], object]]
    readers = {"fixed": TrainConfig.from_dict, "space": read_space}
    for part, read in readers.items():
        try:
            parts[part] = read(_table(tables, part))
        except ConfigError as error:
            problems += [f"{part}.{each}" for each in error.problems]
    if not problems:
        problems = _conflicts(parts["fixed"], parts["space"])
    references: dict[str, TrainConfig] = {}
    named = _table(tables, "references")
    for key in named:
        try:
            references[key] = parts["fixed"].with_values(flatten(_table(named, key)))
        except ConfigError as error:
            problems += [f"references.{key}.{each}" for each in error.problems]
    if problems:
        raise ConfigError(problems)
    description = str(tables.get("description", "")).strip()
    return Study(name, description, parts["fixed"], parts["space"], references, source)


def check_name(name: str, what: str) -> None:
    """Refuse a name that could not be a file's name everywhere.

    Raises:
        RequestError: naming it.
    """
    if not NAME.fullmatch(name):
        raise RequestError(
            f"{what} must be letters, digits, '.', '_' and '-', up to 100, got {name!r}"
        )


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigError([f"{name} must be a table, got {table!r}"])
    return table


def _conflicts(fixed: TrainConfig, space: tuple[Domain, ...]) -> list[str]:
    """What the ends of any two domains contradict, in each other or in what is fixed."""
    first = {domain.path: domain.values.extremes[0] for domain in space}
    problems: dict[str, None] = {}
    for one, other in itertools.combinations_with_replacement(space, 2):
        for value, beside in itertools.product(one.values.extremes, other.values.extremes):
            try:
                fixed.with_values(first | {other.path: beside, one.path: value})
            except ConfigError as error:
                problems.update({f"space.{each}": None for each in error.problems})
    return list(problems)
