"""The search space: domains that hold everywhere, and branches that hold under certain choices.

Samplers only see a space: parameters and their values, not the trainer.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from search.study.space import Domain


@dataclass(frozen=True)
class Branch:
    """Domains and fixed values of some configurations only.

    Attributes:
        when: fields of the root, by dotted path, and the values of which each must have one.
        space: domains there.
        fixed: values by dotted path that are not searched there.
    """

    when: Mapping[str, tuple[Any, ...]]
    space: tuple[Domain, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether the branch holds for these values."""
        return all(values[path] in allowed for path, allowed in self.when.items())


@dataclass(frozen=True)
class Part:
    """The part of a space in which the same branches hold.

    Attributes:
        domains: domains there.
        fixed: values that branches fix there, by dotted path.
        places: table of the study file that sets each path, as ``branch[0].space``.
    """

    domains: tuple[Domain, ...]
    fixed: Mapping[str, Any]
    places: Mapping[str, str]


@dataclass(frozen=True)
class SearchSpace:
    """Parameters of a search and the values that they may take.

    Attributes:
        root: domains that hold everywhere, in the order of the file.
        branches: in the order of the file.
    """

    root: tuple[Domain, ...] = ()
    branches: tuple[Branch, ...] = ()

    @property
    def domains(self) -> tuple[Domain, ...]:
        """Every domain: those of the root first, then those of the branches."""
        return (*self.root, *(each for branch in self.branches for each in branch.space))

    @property
    def paths(self) -> tuple[str, ...]:
        """Every searched field once, in the order of `domains`."""
        return tuple(dict.fromkeys(each.path for each in self.domains))

    @property
    def conditions(self) -> tuple[Domain, ...]:
        """The domains of the root whose values decide which branches hold."""
        asked = {path for branch in self.branches for path in branch.when}
        return tuple(each for each in self.root if each.path in asked)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part of the space."""
        return tuple(part for _, part in self.walk())

    def part(self, values: Mapping[str, Any]) -> Part:
        """Return the part of the space for values of (at least) the `conditions`."""
        domains = {each.path: each for each in self.root}
        fixed: dict[str, Any] = {}
        places = dict.fromkeys(domains, "space")
        for index, branch in enumerate(self.branches):
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

    def walk(self) -> Iterator[tuple[dict[str, tuple[Any, ...]], Part]]:
        """Yield every part with the values of the `conditions` that lead to it.

        Of a range these are the ends, and one between.
        """
        asked = self.conditions
        for kinds in itertools.product(*map(self._kinds, asked)):
            given = {domain.path: values for domain, values in zip(asked, kinds, strict=True)}
            first = {path: values[0] for path, values in given.items()}
            yield given, self.part(first)

    def count_parts(self) -> int:
        """Return the number of parts, without making them."""
        return math.prod(len(self._kinds(each)) for each in self.conditions)

    def ends(self, path: str, fixed: Any) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the values at the ends of all that a field may take, each once.

        Args:
            path: of the field, dotted.
            fixed: its value where it is neither searched nor fixed by a branch.
        """
        found: dict[Any, None] = {}
        for part in self.parts:
            searched = [each.values.extremes for each in part.domains if each.path == path]
            values = searched[0] if searched else (part.fixed.get(path, fixed),)
            found |= dict.fromkeys(values)
        return tuple(found)

    def _kinds(self, domain: Domain) -> list[tuple[Any, ...]]:
        """Return the values of one field, grouped by the branches that hold for them."""
        found: dict[tuple[bool, ...], list[Any]] = defaultdict(list)
        asked = [frozenset(each.when.get(domain.path, ())) for each in self.branches]
        for value in (*domain.values.extremes, *domain.values.between):
            holding = tuple(value in each for each in asked)
            found[holding].append(value)
        return [tuple(values) for values in found.values()]
