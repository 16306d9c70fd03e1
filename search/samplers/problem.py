"""The problem that samplers solve: parameters, scores and costs, whatever is trained with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search.objectives import STANDARD, Objectives
from search.study.search_space import SearchSpace

Values = Mapping[str, Any]
"""Values of the fields searched in one part of a space, by dotted path."""
REPEATS = "repeats"
"""Fact of a trial that trains another one's configuration with another seed: its number."""


@dataclass(frozen=True)
class Prices:
    """Costs of configurations before they are trained.

    Attributes:
        price: relative cost of the values of a configuration.
        limit: the most that it may be; infinite for no limit.
    """

    price: Callable[[Values], float]
    limit: float = math.inf


@dataclass(frozen=True)
class Problem:
    """A problem of two objectives over a search space.

    Attributes:
        space: parameters and their values.
        objectives: score and cost.
        unit: the absolute cost that counts as 1.
        prices: costs before training; None if only training can tell.
        samples: size of the validation set; None if it is unknown.
    """

    space: SearchSpace
    objectives: Objectives = STANDARD
    unit: float = 1.0
    prices: Prices | None = None
    samples: int | None = None
