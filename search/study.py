"""A study file: what is fixed, what is searched, and the references to measure against.

description = "…"

[fixed]                 # fields of the training configuration; others take their defaults
epochs = 30

[space]                 # searched fields (see `search.space`)
interval = { low = 2, high = 10 }

[halving]               # stop what is behind on the way (see `HalvingConfig`); may be left out
grace = 4

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
from typing import Any, ClassVar

from search.errors import RequestError
from search.space import Domain, read_space
from swast.config import TrainConfig, flatten, parse_toml, read_text
from swast.errors import ConfigError, nearest
from swast.settings import FieldType, Setting, Table, check, from_mapping, setting

TABLES = ("description", "fixed", "space", "halving", "references")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class HalvingConfig(Table):
    """When trials are compared, and how many of them go on (see `search.halving`)."""

    table: ClassVar[str] = "halving"

    grace: int = setting(1, "epochs before the first rung", low=1)
    reduction: int = setting(
        3, "η: a rung lets 1/η go on, the next is at η times its epoch; 1 stops nothing", low=1
    )
    brackets: int = setting(1, "schedules taken in turn; each starts η times later", low=1)


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
        halving: when trials are stopped early; None stops none.
    """

    name: str
    description: str
    fixed: TrainConfig
    space: tuple[Domain, ...]
    references: Mapping[str, TrainConfig]
    source: str
    halving: HalvingConfig | None = None

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
    halving: HalvingConfig | None = None
    if not problems:
        problems = _conflicts(parts["fixed"], parts["space"])
        try:
            halving = _read_halving(tables, parts["fixed"], parts["space"])
        except ConfigError as error:
            problems += error.problems
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
    return Study(name, description, parts["fixed"], parts["space"], references, source, halving)


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


def _read_halving(
    tables: Mapping[str, Any], fixed: TrainConfig, space: tuple[Domain, ...]
) -> HalvingConfig | None:
    """The ``[halving]`` table, if there is one; every bracket has a rung before the last epoch.

    Raises:
        ConfigError: every problem found.
    """
    if "halving" not in tables:
        return None
    made = from_mapping(HalvingConfig, _table(tables, "halving"), "halving.")
    searched = [domain.values.extremes for domain in space if domain.path == "epochs"]
    epochs = max(searched[0]) if searched else fixed.epochs
    starts = 1
    while made.reduction > 1 and made.grace * made.reduction**starts < epochs:
        starts += 1
    problems = [
        check(value, f"halving.{name}", FieldType(int), Setting("", low=1, high=high))
        for name, value, high in (
            ("grace", made.grace, epochs - 1),
            ("brackets", made.brackets, starts),
        )
    ]
    if any(problems):
        raise ConfigError(problem for problem in problems if problem)
    return made


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
