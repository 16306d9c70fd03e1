"""A study file: what is fixed, what is searched, and the references to measure against.

description = "…"

[fixed]                 # fields of the training configuration; others take their defaults
epochs = 30

[space]                 # searched fields (see `search.space`)
interval = { low = 2, high = 10 }

[[branch]]              # what holds under certain choices only (see `search.branches`)
when.prune.method = "n:m"
space.prune.sparsity = [0.5, 0.75]

[objectives]            # this and the next three may be left out (see `search.tables`)
reference_accuracy = 0.1

[halving]               # stop what is behind on the way
grace = 4

[constraints]           # start nothing dearer
max_relative_flops = 0.5

[resources]             # what a trial takes
gpus_per_trial = 0.25

[references.dense]      # configurations that are trained first, as changes to the fixed one
coreset.fraction = 1.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from search.branches import Branch, Part, conditions, field_ends, parts, read_branches, resolve
from search.conflicts import conflicts
from search.errors import RequestError
from search.names import MOST_NAME, check_name
from search.space import Domain, Range, read_space, varies_what_is_shared
from search.tables import STANDARD, Constraints, HalvingConfig, Objectives, TrialResources
from swast.config import BEGINNING, TrainConfig, flatten, parse_toml, read_text
from swast.errors import ConfigError, nearest, printable
from swast.settings import FieldType, Setting, Table, check, from_mapping

T = TypeVar("T")
AnyTable = TypeVar("AnyTable", bound=Table)
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
    """A search to run.

    Attributes:
        name: the file's name without its ending.
        description: one line.
        fixed: the configuration on which every trial is built.
        space: the root, what varies everywhere, in the order of the file.
        references: named configurations that are trained before anything is sampled.
        source: the text of the file, so that a search can be resumed without it.
        branches: what else holds under certain choices, in the order of the file.
        objectives: how the hypervolume is measured.
        halving: when trials are stopped early; None stops none.
        constraints: what a trial may cost at most.
        resources: what a trial takes; None where the file says nothing of it.
    """

    name: str
    description: str
    fixed: TrainConfig
    space: tuple[Domain, ...]
    references: Mapping[str, TrainConfig]
    source: str
    branches: tuple[Branch, ...] = ()
    objectives: Objectives = STANDARD
    halving: HalvingConfig | None = None
    constraints: Constraints = field(default_factory=Constraints)
    resources: TrialResources | None = None

    @property
    def conditions(self) -> tuple[Domain, ...]:
        """The fields of the root on whose values it hangs which branches hold."""
        return conditions(self.space, self.branches)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part of the space: of the configurations in which the same branches hold."""
        return tuple(part for _, part in parts(self.space, self.branches))

    def part(self, values: Mapping[str, Any]) -> Part:
        """The part of the space that values of (at least) the `conditions` lead to."""
        return resolve(self.space, self.branches, values)

    def part_of(self, config: TrainConfig) -> Part:
        """The part of the space that a configuration lies in, or would by its conditions."""
        return self.part({each.path: config.value(each.path) for each in self.conditions})

    def searched(self, config: TrainConfig) -> dict[str, Any]:
        """The values of the fields searched in a configuration's part, by dotted path."""
        return {each.path: config.value(each.path) for each in self.part_of(config).domains}

    def settled(self, part: Part) -> dict[str, Any]:
        """The values that fields have in a part that does not search them, though others may."""
        changed = [each.path for each in self.space]
        for branch in self.branches:
            changed += [*(each.path for each in branch.space), *branch.fixed]
        here = {each.path for each in part.domains}
        values = {path: self.fixed.value(path) for path in changed}
        values.update(part.fixed)
        return {path: value for path, value in values.items() if path not in here}

    def configure(self, values: Mapping[str, Any]) -> TrainConfig:
        """The configuration with some values of the fields searched in their part."""
        return self.fixed.with_values({**self.part(values).fixed, **values})

    @property
    def shares_warmups(self) -> bool:
        """Whether trials can be expected to begin alike: no number that matters then is drawn."""
        domains = [domain for part in self.parts for domain in part.domains]
        return not any(
            each.path.split(".")[0] in BEGINNING
            and isinstance(each.values, Range)
            and not each.values.whole
            for each in domains
        )

    def ends(self, path: str) -> tuple[Any, ...]:
        """The values at the ends of all that a field may take, whichever branches hold."""
        return field_ends(self.fixed, self.space, self.branches, path)


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
        raise ConfigError([f"{printable(str(path))}: {error}"]) from None
    except ConfigError as error:
        raise error.within(printable(str(path))) from None


def parse_study(name: str, source: str) -> Study:
    """A study from the text of its file.

    Raises:
        ConfigError: every problem found.
    """
    tables = parse_toml(source)
    found = _Problems(
        f"{key} is not a table{nearest(key, TABLES)}" for key in tables if key not in TABLES
    )
    fixed = found.attempt("fixed.", TrainConfig(), TrainConfig.from_dict, _table(tables, "fixed"))
    space: tuple[Domain, ...] = ()
    space = found.attempt("space.", space, read_space, _table(tables, "space"))
    branches: tuple[Branch, ...] = ()
    if space:
        branches = found.attempt("", branches, read_branches, tables.get("branch", []), space)
    if not found:
        found += conflicts(fixed, space, branches)
    halving = found.attempt("", None, _read_table, HalvingConfig, tables)
    if halving and not found:
        longest = max(field_ends(fixed, space, branches, "epochs"))
        found += _too_late(halving, longest)
    constraints = found.attempt("", None, _read_table, Constraints, tables)
    taken = found.attempt("", None, _read_table, TrialResources, tables)
    objectives = found.attempt("", None, _read_table, Objectives, tables)
    named = _table(tables, "references")
    found += [
        f"references.{key!r}: a name must be printable, up to {MOST_NAME} characters"
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
        str(tables.get("description", "")).strip(),
        fixed,
        space,
        references,
        source,
        branches=branches,
        objectives=objectives or STANDARD,
        halving=halving,
        constraints=constraints or Constraints(),
        resources=taken,
    )


class _Problems(list[str]):
    """What is wrong with a study file so far."""

    def attempt(self, lead: str, otherwise: T, read: Callable[..., T], *arguments: object) -> T:
        """What ``read`` makes of its arguments; its problems are noted, each led by a text."""
        try:
            return read(*arguments)
        except ConfigError as error:
            self += [f"{lead}{each}" for each in error.problems]
            return otherwise


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigError([f"{name} must be a table, got {table!r}"])
    return table


def _read_table(cls: type[AnyTable], tables: Mapping[str, Any]) -> AnyTable | None:
    """A typed table, or None where the file has none."""
    if cls.table not in tables:
        return None
    return from_mapping(cls, _table(tables, cls.table), f"{cls.table}.")


def _reference(fixed: TrainConfig, named: Mapping[str, Any], key: str) -> TrainConfig:
    """A reference, from its changes to the fixed configuration."""
    changes = flatten(_table(named, key))
    problems = [problem for path in changes for problem in varies_what_is_shared(path)]
    if problems:
        raise ConfigError(problems)
    return fixed.with_values(changes)


def _too_late(halving: HalvingConfig, epochs: int) -> list[str]:
    """What keeps a bracket from having a rung before the last epoch."""
    starts = 1
    while halving.reduction > 1 and halving.grace * halving.reduction**starts < epochs:
        starts += 1
    problems = [
        check(value, f"halving.{name}", FieldType(int), Setting("", low=1, high=high))
        for name, value, high in (
            ("grace", halving.grace, epochs - 1),
            ("brackets", halving.brackets, starts),
        )
    ]
    return [problem for problem in problems if problem]
