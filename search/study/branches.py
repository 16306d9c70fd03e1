"""Branches of a search space, read from the ``[[branch]]`` tables of a study file.

    [[branch]]
    when.prune.method = "n:m"               # or a list of values; every named field must match
    space.prune.sparsity = [0.5, 0.75]      # replaces the domain in [space], or adds a field
    fixed.prune.schedule = "one-shot"       # the value there, instead of a search

`[space]`, the root, holds everywhere. If a branch's ``when`` holds, its ``space`` and ``fixed``
replace the domains of the root and of earlier branches. A field that only branches search has its
fixed value elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from search.study.search_space import Branch, SearchSpace
from search.study.space import Domain, frozen, read_space, varies_what_is_shared
from swast.config import flatten, setting_paths
from swast.errors import ConfigError, cut, nearest, path_to, shown
from swast.settings import check

KEYS = ("when", "space", "fixed")
LONGEST_LABEL = 100
MOST_PARTS = 256
"""The most parts of a space; each is checked when a study is read."""


def read_branches(entries: object, space: Sequence[Domain]) -> tuple[Branch, ...]:
    """Return the branches in the ``[[branch]]`` tables of a study.

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
    """Return one branch; problems start after its name."""
    if not isinstance(entry, Mapping):
        raise ConfigError([f" must be a table, got {shown(entry)}"])
    problems = [
        f"{path_to('', key).join(('.', ''))} is not one of {', '.join(KEYS)}{nearest(key, KEYS)}"
        for key in entry
        if key not in KEYS
    ] or [
        f".{key} must be a table, got {shown(value)}"
        for key, value in entry.items()
        if not isinstance(value, Mapping)
    ]
    if problems:
        raise ConfigError(problems)
    when = {
        path: frozen(value) if isinstance(value, list) else (value,)
        for path, value in flatten(entry.get("when", {})).items()
    }
    fixed = flatten(entry.get("fixed", {}))
    problems = _wrong_when(when, {each.path: each for each in space}) + _wrong_fixed(fixed)
    domains: tuple[Domain, ...] = ()
    try:
        domains = read_space(entry.get("space", {}))
    except ConfigError as error:
        problems += [f".space.{each}" for each in error.problems]
    problems = problems or _wrong_together(domains, fixed)
    if problems:
        raise ConfigError(problems)
    plain = {path: frozen(value) for path, value in fixed.items()}
    return Branch(when, domains, plain)


def _wrong_when(when: Mapping[str, tuple[Any, ...]], searched: Mapping[str, Domain]) -> list[str]:
    """Return problems of the fields and values in a branch's ``when``."""
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
    """Return a problem for each value of a ``when`` that its field never has."""
    kind, limits, _ = setting_paths()[path]
    wrong = [value for value in values if check(value, path, kind, limits)]
    known = frozenset(domain.values.extremes)
    wrong += [value for value in values if value not in wrong and value not in known]
    possible = list(map(str, domain.values.extremes)) if wrong else []
    listed = cut(", ".join(possible))
    return [
        f".when.{path} must be one of {listed}, got {shown(value)}"
        f"{nearest(str(value), possible) if isinstance(value, str) else ''}"
        for value in wrong
    ]


def _wrong_fixed(fixed: Mapping[str, Any]) -> list[str]:
    """Return problems of the values that a branch fixes."""
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
    """Return a problem if a branch is empty, or searches a field and fixes it too."""
    if not domains and not fixed:
        return [" must have a space or a fixed table, or it changes nothing"]
    return [
        f".fixed.{each.path} must not be in the branch's space as well"
        for each in domains
        if each.path in fixed
    ]


def _changed_conditions(branches: Sequence[Branch]) -> list[str]:
    """Return a problem for each condition that a branch changes.

    With such a change, the branches that hold would depend on their order.
    """
    conditions = {path: index for index, each in enumerate(branches) for path in each.when}
    problems = []
    for index, branch in enumerate(branches):
        changed = [("space", each.path) for each in branch.space]
        changed += [("fixed", path) for path in branch.fixed]
        problems += [
            f"branch[{index}].{table}.{path} must stay as [space] has it, "
            f"since branch[{conditions[path]}].when names it"
            for table, path in changed
            if path in conditions
        ]
    return problems


def _too_many(space: Sequence[Domain], branches: Sequence[Branch]) -> list[str]:
    """Return a problem if the branches could not be checked in reasonable time."""
    count = SearchSpace(tuple(space), tuple(branches)).count_parts()
    if count <= MOST_PARTS:
        return []
    return [
        f"branch: the branches may distinguish at most {MOST_PARTS} kinds of configurations, "
        f"got {count}"
    ]


def _labelled(branches: Sequence[Branch]) -> Iterator[Branch]:
    """Yield the branches with a label on their domains, made of their conditions, each unique."""
    taken: set[str] = set()
    for branch in branches:
        values = ("|".join(map(str, values)) for values in branch.when.values())
        stem = ",".join(values)[:LONGEST_LABEL]
        names = itertools.chain([stem], (f"{stem}#{number}" for number in itertools.count(2)))
        label = next(name for name in names if name not in taken)
        taken.add(label)
        yield replace(branch, space=tuple(replace(each, label=label) for each in branch.space))
