"""Conflicts: configurations of a search space that cannot be trained, found when it is read."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.study.search_space import SearchSpace
from swast.config import TrainConfig
from swast.errors import ConfigError

MOST_CHECKS = 50_000
"""The most configurations of a space that are checked."""


def conflicts(fixed: TrainConfig, space: SearchSpace) -> list[str]:
    """Return the problems of configurations at the ends of any two domains.

    Every part of the space is checked; only the first problem of each field is kept. Of long
    lists only some values, evenly apart, are combined with those of other fields.
    """
    found: dict[tuple[str, str], str] = {}
    check = ConfigCheck(fixed)
    walked = list(space.walk())
    for given, part in walked:
        ends = {each.path: given.get(each.path, each.values.extremes) for each in part.domains}
        first = {**part.fixed, **{path: values[0] for path, values in ends.items()}}
        for changes in _changes(ends, MOST_CHECKS // len(walked)):
            for problem in check.problems({**first, **changes}):
                path = problem.split()[0]
                place = part.places.get(path, "fixed")
                found.setdefault((place, path), f"{place}.{problem}")
    return list(found.values())


def _changes(ends: Mapping[str, tuple[Any, ...]], most: int) -> Iterator[dict[str, Any]]:
    """Yield changes to the first values: none, then any value of one field, or of two fields.

    Args:
        ends: values of each field.
        most: changes of two fields.
    """
    yield {}
    for path, values in ends.items():
        yield from ({path: value} for value in values[1:])
    fewer = _fewer({path: values[1:] for path, values in ends.items()}, most)
    for one, other in itertools.combinations(fewer, 2):
        for value, beside in itertools.product(fewer[one], fewer[other]):
            yield {one: value, other: beside}


def _fewer(ends: Mapping[str, Sequence[Any]], most: int) -> Mapping[str, Sequence[Any]]:
    """Return so many values of each field, evenly apart, that they make at most some pairs."""
    count = max(map(len, ends.values()), default=0)
    while count > 1 and _pairs([min(len(values), count) for values in ends.values()]) > most:
        count = count * 2 // 3
    return {path: _evenly(values, count) for path, values in ends.items()}


def _pairs(counts: Sequence[int]) -> int:
    """Return the number of pairs of values of different fields."""
    return (sum(counts) ** 2 - sum(each**2 for each in counts)) // 2


def _evenly(values: Sequence[Any], count: int) -> Sequence[Any]:
    """Return some of many values, evenly apart; numbers in their order, with both ends."""
    if len(values) <= count:
        return values
    ordered = sorted(values) if all(isinstance(each, int | float) for each in values) else values
    return [ordered[(len(ordered) - 1) * at // max(1, count - 1)] for at in range(count)]


class ConfigCheck:
    """Check of configurations that differ from a fixed one in a few fields.

    It finds the problems of ``fixed.with_values``, but faster: it makes each table only once for
    the same values.

    Args:
        fixed: the configuration.
    """

    def __init__(self, fixed: TrainConfig) -> None:
        self._fixed = fixed
        self._made: dict[tuple[str, str], tuple[Any, tuple[str, ...]]] = {}

    def problems(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the problems of the configuration with these values at dotted paths."""
        tables: dict[str, dict[str, Any]] = defaultdict(dict)
        for path, value in values.items():
            table, _, name = path.rpartition(".")
            tables[table][name] = value
        top = tables.pop("", {})
        problems: tuple[str, ...] = ()
        for table, fields in tables.items():
            top[table], found = self._table(table, fields)
            problems += found
        return problems or _try(self._fixed, top)[1]

    def _table(self, table: str, fields: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:
        """Return a table with some fields replaced, and its problems."""
        key = (table, repr(fields))
        if key not in self._made:
            self._made[key] = _try(getattr(self._fixed, table), fields)
        return self._made[key]


def _try(table: Any, fields: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:  # noqa: ANN401
    """Return a table with some fields replaced, and its problems."""
    try:
        return dataclasses.replace(table, **fields), ()
    except ConfigError as error:
        return None, error.problems
