"""What configurations cost: exactly, and roughly but at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.ehvi.points import thinned
from swast.config import TrainConfig

Array = NDArray[np.float64]
DEGREE = 3
RIDGE = 1e-3
MOST = 400
"""Points from which the rough costs are learnt at most."""
FEWEST = 24
"""Points that are priced before rough costs are told."""


@dataclass(frozen=True)
class Prices:
    """What configurations cost before they are trained.

    Attributes:
        price: training FLOPs of a configuration's whole schedule.
        dense: of dense training on all data.
        limit: the most that a configuration may cost; None for no limit.
    """

    price: Callable[[TrainConfig], float]
    dense: Callable[[TrainConfig], float]
    limit: Callable[[TrainConfig], float] | None = None

    def relative(self, config: TrainConfig) -> float:
        """The price over that of dense training."""
        return self.price(config) / self.dense(config)

    def most(self, config: TrainConfig) -> float:
        """The most that it may be; infinite where nothing limits it."""
        return math.inf if self.limit is None else self.limit(config) / self.dense(config)


class RoughCosts:
    """Costs of points, learnt from points whose cost is known: a guess for a thousand at once.

    The cost is a product of a few settings' effects, so its logarithm is near to a cubic in them:
    kernel ridge regression with a polynomial kernel. Known points are met.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Array, float]] = {}
        self._fitted: _Fit | None = None

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, features: Array, relative: float) -> None:
        """Take note of a point's relative FLOPs."""
        if 0 < relative < math.inf:
            self._known[features.tobytes()] = (features, math.log(relative))
            self._fitted = None

    def __call__(self, features: Array) -> Array:
        """Relative FLOPs of m points, m × features; of at least one known one."""
        if self._fitted is None:
            every = list(self._known.values())
            self._fitted = _Fit([every[place] for place in thinned(len(every), MOST)])
        return self._fitted(features)


class _Fit:
    """Rough costs, learnt from some points and the logarithms of their costs."""

    def __init__(self, known: Sequence[tuple[Array, float]]) -> None:
        self._points = np.stack([each for each, _ in known])
        logs = np.array([log for _, log in known])
        gram = _kernel(self._points, self._points)
        gram[np.diag_indices_from(gram)] += RIDGE
        self._middle, self._ends = logs.mean(), (logs.min() - 1, logs.max() + 1)
        self._weights = np.linalg.solve(gram, logs - self._middle)

    def __call__(self, features: Array) -> Array:
        """Relative FLOPs of m points, m × features."""
        told = self._middle + _kernel(features, self._points) @ self._weights
        return np.asarray(np.exp(np.clip(told, *self._ends)))


def _kernel(one: Array, other: Array) -> Array:
    """How alike points are: polynomials in them up to the third degree."""
    found: Array = (1 + one @ other.T / one.shape[1]) ** DEGREE
    return found
