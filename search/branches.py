"""Branches of a search space: what is searched, or fixed, only under certain choices.

    [[branch]]
    when.prune.method = "n:m"               # or a list of values; all fields named must hold
    space.prune.sparsity = [0.5, 0.75]      # in place of the domain in [space], or a field more
    fixed.prune.schedule = "one-shot"       # not searched there: it has this value

`[space]`, the root, holds everywhere. Where a branch's ``when`` holds, its ``space`` and ``fixed``
replace what the root or an earlier branch says of these fields. A field that only branches search
has its fixed value elsewhere.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from search.space import Domain, read_space, varies_what_is_shared
from swast.config import TrainConfig, flatten, setting_paths
from swast.errors import ConfigError, nearest
from swast.settings import check

KEYS = ("when", "space", "fixed")
LONGEST_LABEL = 100
MOST_PARTS = 256
"""Kinds of configurations that branches may tell apart; each is checked when a study is read."""


@dataclass(frozen=True)
class Branch:
    """What holds in some configurations only.

    Attributes:
        when: fields of the root, by dotted path, and the values of which each must have one.
        space: what is searched there.
        fixed: values by dotted path that are not searched there.
    """

    when: Mapping[str, tuple[Any, ...]]
    space: tuple[Domain, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it does in a configuration that has these values."""
        return all(values[path] in allowed for path, allowed in self.when.items())


@dataclass(frozen=True)
class Part:
    """The configurations in which the same branches hold.

    Attributes:
        domains: what is searched there.
        fixed: what branches fix there, by dotted path.
        places: where the study file says so, by dotted path, as ``branch[0].space``.
    """

    domains: tuple[Domain, ...]
    fixed: Mapping[str, Any]
    places: Mapping[str, str]


def conditions(space: Sequence[Domain], branches: Sequence[Branch]) -> tuple[Domain, ...]:
    """The fields on whose values it hangs which branches hold."""
    return tuple(each for each in space if any(each.path in branch.when for branch in branches))


def resolve(
    space: Sequence[Domain], branches: Sequence[Branch], values: Mapping[str, Any]
) -> Part:
    """The part that a configuration lies in.

    Args:
        space: the root.
        branches: in the order of the file.
        values: of the `conditions`, at least.
    """
    domains = {each.path: each for each in space}
    fixed: dict[str, Any] = {}
    places = dict.fromkeys(domains, "space")
    for index, branch in enumerate(branches):
        if not branch.holds(values):
            continue
        for domain in branch.space:
            fixed.pop(domain.path, None)
            domains[domain.path] = domain
            places[domain.path] = f"branch[{index}].space"
        for path, value in branch.fixed.items():
            domains.pop(path, None)
            fixed[path] = value
            places[path] = f"branch[{index}].fixed"
    return Part(tuple(domains.values()), fixed, places)


def parts(
    space: Sequence[Domain], branches: Sequence[Branch]
) -> Iterator[tuple[dict[str, tuple[Any, ...]], Part]]:
    """Every part, with the values of the `conditions` that lead to it.

    Of a range these are the ends, and one between.
    """
    asked = conditions(space, branches)
    for kinds in itertools.product(*(_kinds(domain, branches) for domain in asked)):
        given = {domain.path: values for domain, values in zip(asked, kinds, strict=True)}
        first = {path: values[0] for path, values in given.items()}
        yield given, resolve(space, branches, first)


def field_ends(
    fixed: TrainConfig, space: Sequence[Domain], branches: Sequence[Branch], path: str
) -> tuple[Any, ...]:
    """The values at the ends of all that a field may take, each once."""
    found: list[Any] = []
    for _, part in parts(space, branches):
        searched = [each.values.extremes for each in part.domains if each.path == path]
        values = searched[0] if searched else (part.fixed.get(path, fixed.value(path)),)
        found += [value for value in values if value not in found]
    return tuple(found)


def _kinds(domain: Domain, branches: Sequence[Branch]) -> list[tuple[Any, ...]]:
    """The values of one field, those together that no branch tells apart."""
    found: dict[tuple[bool, ...], list[Any]] = defaultdict(list)
    for value in (*domain.values.extremes, *domain.values.between):
        told = tuple(value in branch.when.get(domain.path, ()) for branch in branches)
        found[told].append(value)
    return [tuple(values) for values in found.values()]


def read_branches(entries: object, space: Sequence[Domain]) -> tuple[Branch, ...]:
    """The branches in the ``[[branch]]`` tables of a study.

    Args:
        entries: the tables.
        space: the root.

    Raises:
        ConfigError: every problem found, each led by its branch, counted from 0.
    """
    if not isinstance(entries, list):
        raise ConfigError(["branch must be a list of tables, each led by [[branch]]"])
    found: list[Branch] = []
    problems: list[str] = []
    for index, entry in enumerate(entries):
        try:
            found.append(_read_branch(entry, space))
        except ConfigError as error:
            problems += [f"branch[{index}]{each}" for each in error.problems]
    problems = problems or _changed_conditions(found) or _too_many(space, found)
    if problems:
        raise ConfigError(problems)
    return tuple(_labelled(found))


def _read_branch(entry: object, space: Sequence[Domain]) -> Branch:
    """One branch; what is said of it begins after its name."""
    if not isinstance(entry, Mapping):
        raise ConfigError([f" must be a table, got {entry!r}"])
    problems = [
        f".{key} is not one of {', '.join(KEYS)}{nearest(key, KEYS)}"
        for key in entry
        if key not in KEYS
    ] or [
        f".{key} must be a table, got {value!r}"
        for key, value in entry.items()
        if not isinstance(value, Mapping)
    ]
    if problems:
        raise ConfigError(problems)
    when = {
        path: tuple(value) if isinstance(value, list) else (value,)
        for path, value in flatten(entry.get("when", {})).items()
    }
    fixed = flatten(entry.get("fixed", {}))
    problems = _wrong_when(when, {each.path: each for each in space}) + _wrong_fixed(fixed)
    domains: tuple[Domain, ...] = ()
    try:
        domains = read_space(entry["space"]) if entry.get("space") else ()
    except ConfigError as error:
        problems += [f".space.{each}" for each in error.problems]
    problems = problems or _wrong_together(domains, fixed)
    if problems:
        raise ConfigError(problems)
    plain = {path: tuple(v) if isinstance(v, list) else v for path, v in fixed.items()}
    return Branch(when, domains, plain)


def _wrong_when(when: Mapping[str, tuple[Any, ...]], searched: Mapping[str, Domain]) -> list[str]:
    """What is wrong with the fields and values that a branch asks about."""
    problems = []
    if not when:
        problems.append('.when must name a field of [space], as when.prune.method = "n:m"')
    for path, values in when.items():
        if path not in searched:
            hint = "" if path in setting_paths() else nearest(path, searched)
            problems.append(
                f".when.{path} must be a field that [space] searches, one of "
                f"{', '.join(searched)}{hint}"
            )
        elif not values:
            problems.append(f".when.{path} must be a value or a list of values, got []")
        else:
            problems += _impossible(path, values, searched[path])
    return problems


def _impossible(path: str, values: Sequence[Any], domain: Domain) -> list[str]:
    """Values that a branch asks for and that its field never has."""
    kind, limits, _ = setting_paths()[path]
    possible = list(map(str, domain.values.extremes))
    return [
        f".when.{path} must be one of {', '.join(possible)}, got {value!r}"
        f"{nearest(str(value), possible)}"
        for value in values
        if check(value, path, kind, limits) or value not in domain.values.extremes
    ]


def _wrong_fixed(fixed: Mapping[str, Any]) -> list[str]:
    """What is wrong with the values that a branch fixes."""
    problems = []
    for path, value in fixed.items():
        if path not in setting_paths():
            problems.append(f".fixed.{path} is not a field{nearest(path, setting_paths())}")
            continue
        problems += [f".fixed.{each}" for each in varies_what_is_shared(path)]
        kind, limits, _ = setting_paths()[path]
        problem = check(value, path, kind, limits)
        if problem:
            problems.append(f".fixed.{problem}")
    return problems


def _wrong_together(domains: Sequence[Domain], fixed: Mapping[str, Any]) -> list[str]:
    """What a branch says twice, or not at all."""
    if not domains and not fixed:
        return [" must have a space or a fixed table, or it changes nothing"]
    return [
        f".fixed.{each.path} must not be in the branch's space as well"
        for each in domains
        if each.path in fixed
    ]


def _changed_conditions(branches: Sequence[Branch]) -> list[str]:
    """Fields that one branch asks about and another changes: which of them hold would be open."""
    asking = {path: index for index, each in enumerate(branches) for path in each.when}
    problems = []
    for index, branch in enumerate(branches):
        changed = [("space", each.path) for each in branch.space]
        changed += [("fixed", path) for path in branch.fixed]
        problems += [
            f"branch[{index}].{table}.{path} must stay as [space] has it, "
            f"since branch[{asking[path]}].when names it"
            for table, path in changed
            if path in asking
        ]
    return problems


def _too_many(space: Sequence[Domain], branches: Sequence[Branch]) -> list[str]:
    """Refuse branches that could not be checked in reasonable time."""
    count = math.prod(len(_kinds(each, branches)) for each in conditions(space, branches))
    if count <= MOST_PARTS:
        return []
    return [f"branch: at most {MOST_PARTS} kinds of configurations may be told apart, got {count}"]


def _labelled(branches: Sequence[Branch]) -> Iterator[Branch]:
    """The branches, their domains named after what they ask for; no two names are the same."""
    taken: set[str] = set()
    for branch in branches:
        values = ("|".join(map(str, values)) for values in branch.when.values())
        stem = ",".join(values)[:LONGEST_LABEL]
        names = itertools.chain([stem], (f"{stem}#{number}" for number in itertools.count(2)))
        label = next(name for name in names if name not in taken)
        taken.add(label)
        yield replace(branch, space=tuple(replace(each, label=label) for each in branch.space))
