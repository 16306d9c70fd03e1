"""Configurations of a search space as rows of numbers, in which neighbours are alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search.samplers.parameters import RANGE, distributions, every_parameter
from search.study.search_space import SearchSpace
from search.study.space import Domain

Array = NDArray[np.float64]
ABSENT = 0.5
"""Stands for a parameter that a configuration does not have."""
DIGITS = 12
"""Decimals of a position; positions of one value agree in them."""
JITTER = 0.1
"""Standard deviation of a changed number, as a share of its range."""


class Points:
    """A search space as a unit cube, with a side for every parameter of any of its parts.

    A range fills its side, on a log scale if it is logarithmic; choices share theirs evenly.

    Args:
        space: the search space.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self.parameters: dict[str, BaseDistribution] = every_parameter(space)
        self._place = {name: place for place, name in enumerate(self.parameters)}
        self._made: list[Any] = list(self.parameters.values())
        self._conditions = space.conditions

    def __len__(self) -> int:
        return len(self.parameters)

    def parameters_at(self, row: Array) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return Optuna's parameters and the fields' values at a point of the cube."""
        params: dict[str, Any] = {}
        values = {each.path: self._pick(each, row, params) for each in self._conditions}
        for domain in self._space.part(values).domains:
            if domain.path not in values:
                values[domain.path] = self._pick(domain, row, params)
        return params, values

    def row(self, params: Mapping[str, Any]) -> Array:
        """Return the point of Optuna's parameters; NaN for parameters that are not given."""
        found = np.full(len(self), np.nan)
        for name, value in params.items():
            if name in self._place:
                found[self._place[name]] = position(self.parameters[name], value)
        return found.round(DIGITS)

    def snapped(self, rows: Array) -> Array:
        """Snap points to the positions of valid configurations, as `row` gives them.

        Args:
            rows: m × parameters, in [0, 1]; absent parameters may be anything.
        """
        sides = [snapped(made, side) for made, side in zip(self._made, rows.T, strict=True)]
        found = np.stack(sides, axis=1).round(DIGITS)
        asked = [self._place[name] for each in self._conditions for name in distributions(each)]
        _, first, kind = np.unique(
            np.nan_to_num(found[:, asked]), axis=0, return_index=True, return_inverse=True
        )
        there = np.array([self._present(rows[place]) for place in first])[kind.reshape(-1)]
        for name, place in self._place.items():
            if f"{name}?" in self._place:
                which = self._place[f"{name}?"]
                there[:, place] &= found[:, which] * len(self._made[which].choices) < 1
        return np.where(there, found, np.nan)

    def _present(self, row: Array) -> NDArray[np.bool_]:
        """Return which parameters the part of the space at a point has."""
        found = np.zeros(len(self), dtype=bool)
        values = {each.path: self._pick(each, row, {}) for each in self._conditions}
        for domain in self._space.part(values).domains:
            found[[self._place[name] for name in distributions(domain)]] = True
        return found

    def features(self, rows: Array) -> Array:
        """Return points as a surrogate sees them: a number for each of three or more choices.

        Args:
            rows: m × parameters, as `row` has them.

        Returns:
            m × features, in [0, 1].
        """
        columns: list[Array] = []
        for place, made in enumerate(self._made):
            side = rows[:, place]
            if isinstance(made, CategoricalDistribution) and len(made.choices) > 2:
                chosen = np.floor(side * len(made.choices))
                columns += [(chosen == each).astype(float) for each in range(len(made.choices))]
            else:
                columns.append(np.where(np.isnan(side), ABSENT, side))
        return np.stack(columns, axis=1)

    def mutated(self, rows: Array, count: int, draw: np.random.Generator) -> Array:
        """Return points near others, changed in two parameters on average."""
        found = rows[draw.integers(len(rows), size=count)]
        found = np.where(np.isnan(found), draw.random(found.shape), found)
        changes = draw.random(found.shape) < min(1.0, 2 / len(self))
        changes[np.arange(count), draw.integers(len(self), size=count)] = True
        near = np.abs(found + JITTER * draw.standard_normal(found.shape))
        near = np.clip(1 - np.abs(1 - near), 0, 1)
        anywhere = draw.random(found.shape)
        chosen = [isinstance(each, CategoricalDistribution) for each in self._made]
        return np.where(changes, np.where(chosen, anywhere, near), found)

    def _pick(self, domain: Domain, row: Array, params: dict[str, Any]) -> Any:  # noqa: ANN401
        """Return the value of a field at a point; add the parameters for it."""
        value: Any = None
        for name in (f"{domain.parameter}?", domain.parameter):
            if name in self._place:
                value = params[name] = value_at(self.parameters[name], row[self._place[name]])
                if name.endswith("?") and value != RANGE:
                    break
        return value


def value_at(made: BaseDistribution, share: float) -> Any:  # noqa: ANN401
    """Return the value at a share of a parameter's side, in [0, 1]."""
    if isinstance(made, CategoricalDistribution):
        return made.choices[_cell(share, len(made.choices))]
    assert isinstance(made, IntDistribution | FloatDistribution)
    if made.log:
        low, high = _log_ends(made)
        value = math.exp(low + share * (high - low))
        value = round(value) if isinstance(made, IntDistribution) else value
        return min(max(value, made.low), made.high)
    if made.step is None:
        return min(made.low + share * (made.high - made.low), made.high)
    return min(made.low + made.step * _cell(share, _steps(made)), made.high)


def position(made: BaseDistribution, value: Any) -> float:  # noqa: ANN401
    """Return the position of a value along its parameter's side: the middle of its cell."""
    if isinstance(made, CategoricalDistribution):
        return (made.choices.index(value) + 0.5) / len(made.choices)
    assert isinstance(made, IntDistribution | FloatDistribution)
    if made.log:
        low, high = _log_ends(made)
        return (math.log(value) - low) / (high - low)
    if made.step is None:
        return float((value - made.low) / (made.high - made.low))
    return float((round((value - made.low) / made.step) + 0.5) / _steps(made))


def snapped(made: BaseDistribution, side: Array) -> Array:
    """Snap shares of a parameter's side to the positions of their values."""
    if isinstance(made, CategoricalDistribution):
        return _middles(side, len(made.choices))
    assert isinstance(made, IntDistribution | FloatDistribution)
    if made.log and isinstance(made, IntDistribution):
        low, high = _log_ends(made)
        values = np.exp(low + side * (high - low)).round()
        return np.asarray((np.log(values.clip(made.low, made.high)) - low) / (high - low))
    return side if made.step is None else _middles(side, _steps(made))


def _middles(side: Array, count: int) -> Array:
    """Return the middles of the cells of shares."""
    return np.asarray((np.minimum(np.floor(side * count), count - 1) + 0.5) / count)


def thinned(count: int, most: int) -> list[int]:
    """Return the indices to keep of too many: the latest half, and an even spread of the rest."""
    if count <= most:
        return list(range(count))
    late = most // 2
    early = np.linspace(0, count - late - 1, most - late).round().astype(int)
    return [*map(int, early), *range(count - late, count)]


def _cell(share: float, count: int) -> int:
    return min(int(share * count), count - 1)


def _steps(made: IntDistribution | FloatDistribution) -> int:
    assert made.step is not None
    return round((made.high - made.low) / made.step) + 1


def _log_ends(made: IntDistribution | FloatDistribution) -> tuple[float, float]:
    """Return the ends of a log range, half a number wider on each side for whole numbers."""
    margin = 0.5 if isinstance(made, IntDistribution) else 0.0
    return math.log(made.low - margin), math.log(made.high + margin)
