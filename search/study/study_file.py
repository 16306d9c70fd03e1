"""A study file: fixed settings, the search space, and references to measure against.

description = "…"

[fixed]                 # fields of the training configuration; others take their defaults
epochs = 30

[space]                 # searched fields (see `search.study.space`)
interval = { low = 2, high = 10 }

[[branch]]              # domains under certain conditions (see `search.study.branches`)
when.prune.method = "n:m"
space.prune.sparsity = [0.5, 0.75]

[objectives]            # this and the next three may be left out (see `search.study.tables`)
reference_accuracy = 0.1

[halving]               # early stopping of trials that are behind
grace = 4

[constraints]           # never start a more expensive trial
max_relative_flops = 0.5

[resources]             # CPUs, GPUs and memory of one trial
gpus_per_trial = 0.25

[references.dense]      # trained before anything is sampled; changes to [fixed]
coreset.fraction = 1.0
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from search.errors import RequestError
from search.objectives import STANDARD, Objectives
from search.study.branches import read_branches
from search.study.conflicts import conflicts
from search.study.names import MOST_NAME, check_name
from search.study.search_space import Branch, Part, SearchSpace
from search.study.space import SAME_FOR_ALL, Domain, Range, read_space, varies_what_is_shared
from search.study.tables import (
    Constraints,
    HalvingConfig,
    ObjectivesConfig,
    TrialResources,
    too_late,
)
from swast.config import (
    BEGINNING,
    PARSERS,
    TrainConfig,
    flatten,
    parse_toml,
    read_text,
    setting_paths,
)
from swast.errors import ConfigError, nearest, path_to, shown
from swast.settings import Table, from_mapping

T = TypeVar("T")
AnyTable = TypeVar("AnyTable", bound=Table)
DENSE = {"coreset.fraction": 1.0, "prune.method": "none", "preserve.weight": 0.0}
"""Values that make any configuration train densely on all data."""
SUFFIXES = (".toml", *PARSERS)
TABLES = (
    "description",
    "fixed",
    "space",
    "branch",
    "objectives",
    "halving",
    "constraints",
    "resources",
    "references",
)


@dataclass(frozen=True)
class Study:
    """A study: the search that its file describes.

    Attributes:
        name: the file's name without its ending.
        description: one line.
        fixed: the configuration on which every trial is built.
        space: the searched fields.
        references: named configurations that are trained before anything is sampled.
        source: the text of the file, so that a search can be resumed without it.
        objectives: score and cost of a trial, and the ends of their axes.
        halving: when trials are stopped early; None stops none.
        constraints: the most that a trial may cost.
        resources: CPUs, GPUs and memory of a trial; None if the file does not set them.
    """

    name: str
    description: str
    fixed: TrainConfig
    space: SearchSpace
    references: Mapping[str, TrainConfig]
    source: str
    objectives: Objectives = STANDARD
    halving: HalvingConfig | None = None
    constraints: Constraints = field(default_factory=Constraints)
    resources: TrialResources | None = None

    @property
    def dense(self) -> TrainConfig:
        """The dense training of ``[fixed]`` on all data, whose cost is the study's unit."""
        return self.fixed.with_values(DENSE)

    def part_of(self, config: TrainConfig) -> Part:
        """Return the part of the space that a configuration's conditions lead to."""
        return self.space.part(
            {each.path: config.value(each.path) for each in self.space.conditions}
        )

    def contains(self, config: TrainConfig) -> bool:
        """Return whether a sampler could propose a configuration.

        Each field searched in its part of the space is within its domain there, and every other
        field has the value that it has for all configurations of that part.
        """
        part = self.part_of(config)
        searched = {each.path: each.values for each in part.domains}
        return all(
            searched[path].contains(config.value(path))
            if path in searched
            else config.value(path) == part.fixed.get(path, self.fixed.value(path))
            for path in setting_paths()
            if path.partition(".")[0] not in SAME_FOR_ALL
        )

    def searched(self, config: TrainConfig) -> dict[str, Any]:
        """Return the values of the fields searched in a configuration's part, by dotted path."""
        return {each.path: config.value(each.path) for each in self.part_of(config).domains}

    def configure(self, values: Mapping[str, Any]) -> TrainConfig:
        """Return the configuration with values of the fields searched in their part."""
        return self.fixed.with_values({**self.space.part(values).fixed, **values})

    @property
    def shares_warmups(self) -> bool:
        """Return whether trials may have the same warm-up: no real number in it is searched."""
        domains = [domain for part in self.space.parts for domain in part.domains]
        return not any(
            each.path.split(".")[0] in BEGINNING
            and isinstance(each.values, Range)
            and not each.values.whole
            for each in domains
        )

    def ends(self, path: str) -> tuple[Any, ...]:
        """Return the values at the ends of all that a field may take, in any part."""
        return self.space.ends(path, self.fixed.value(path))


def shipped() -> dict[str, Path]:
    """Return the study files that come with the package, by name."""
    folder = Path(str(importlib.resources.files("studies")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_study(name: str) -> Study:
    """Return a shipped study by name, or one from a file.

    Raises:
        RequestError: there is no such study.
        ConfigError: every problem of the file, led by its name.
    """
    known = shipped()
    if name in known:
        return read_study(known[name])
    if name.endswith(SUFFIXES) or (os.path.exists(name) and not os.path.isdir(name)):  # noqa: PTH110, PTH112 - a name may be no path
        return read_study(Path(name))
    raise RequestError(
        f"--study {shown(name)} is neither a file nor one of {', '.join(known)}"
        f"{nearest(name, known)}"
    )


def read_study(path: Path) -> Study:
    """Return the study in a file of TOML, JSON or YAML; its source is TOML in either case.

    Raises:
        ConfigError: every problem found, led by the file's name.
    """
    source = read_text(path)
    try:
        check_name(path.stem, "a study file's name")
        if path.suffix.lower() in PARSERS:
            source = tomli_w.dumps(PARSERS[path.suffix.lower()](source))
        return parse_study(path.stem, source)
    except RequestError as error:
        raise ConfigError([str(error)]).within(str(path)) from None
    except ConfigError as error:
        raise error.within(str(path)) from None


def parse_study(name: str, source: str) -> Study:
    """Return a study from the text of its file.

    Raises:
        ConfigError: every problem found.
    """
    tables = parse_toml(source)
    found = _Problems(
        f"{path_to('', key)} is not a table{nearest(key, TABLES)}"
        for key in tables
        if key not in TABLES
    )
    description = tables.get("description", "")
    if not isinstance(description, str):
        found.append(f"description must be a string, got {shown(description)}")
    fixed = found.attempt("fixed.", TrainConfig(), TrainConfig.from_dict, _table(tables, "fixed"))
    root = found.attempt("space.", tuple[Domain, ...](), read_space, _table(tables, "space"))
    if not (root or found):
        found.append("space must name at least one field to search")
    branches: tuple[Branch, ...] = ()
    if root:
        branches = found.attempt("", branches, read_branches, tables.get("branch", []), root)
    space = SearchSpace(root, branches)
    if not found:
        found += conflicts(fixed, space)
    halving = found.attempt("", None, _read_table, HalvingConfig, tables)
    if halving and not found:
        found += too_late(halving, max(space.ends("epochs", fixed.epochs)))
    constraints = found.attempt("", None, _read_table, Constraints, tables)
    resources = found.attempt("", None, _read_table, TrialResources, tables)
    objectives = found.attempt("", STANDARD, _objectives, tables)
    named = _table(tables, "references")
    found += [
        f"references.{shown(key)}: a name must be printable, up to {MOST_NAME} characters"
        for key in named
        if not (key.isprintable() and 0 < len(key) <= MOST_NAME)
    ]
    references = {
        key: found.attempt(f"references.{key}.", fixed, _reference, fixed, named, key)
        for key in named
    }
    if found:
        raise ConfigError(found)
    return Study(
        name,
        str(description).strip(),
        fixed,
        space,
        references,
        source,
        objectives=objectives,
        halving=halving,
        constraints=constraints or Constraints(),
        resources=resources,
    )


class _Problems(list[str]):
    """Problems of a study file so far."""

    def attempt(self, lead: str, otherwise: T, read: Callable[..., T], *arguments: object) -> T:
        """Return what ``read`` returns; if it fails, add its problems, each led by a text."""
        try:
            return read(*arguments)
        except ConfigError as error:
            self += [f"{lead}{each}" for each in error.problems]
            return otherwise


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigError([f"{name} must be a table, got {shown(table)}"])
    return table


def _read_table(cls: type[AnyTable], tables: Mapping[str, Any]) -> AnyTable | None:
    """Return a typed table, or None if the file does not have it."""
    if cls.table not in tables:
        return None
    return from_mapping(cls, _table(tables, cls.table), f"{cls.table}.")


def _objectives(tables: Mapping[str, Any]) -> Objectives:
    return (_read_table(ObjectivesConfig, tables) or ObjectivesConfig()).chosen()


def _reference(fixed: TrainConfig, named: Mapping[str, Any], key: str) -> TrainConfig:
    """Return a reference from its changes to the fixed configuration."""
    changes = flatten(_table(named, key))
    problems = [problem for path in changes for problem in varies_what_is_shared(path)]
    if problems:
        raise ConfigError(problems)
    return fixed.with_values(changes)
