"""An approximation of what configurations cost, for a thousand points at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.samplers.points import thinned

Array = NDArray[np.float64]
DEGREE = 3
RIDGE = 1e-3
MOST = 400
"""The most points that are learnt from."""
FEWEST = 24
"""Points that are priced before the approximation is used."""


class RoughCosts:
    """Approximation of relative costs, learnt from points whose cost is known.

    The cost is a product of a few settings' effects, so its logarithm is close to a cubic in them:
    kernel ridge regression with a polynomial kernel. It reproduces the known points.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Array, float]] = {}
        self._fitted: _Fit | None = None

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, features: Array, relative: float) -> None:
        """Add a point and its relative cost."""
        if 0 < relative < math.inf:
            self._known[features.tobytes()] = (features, math.log(relative))
            self._fitted = None

    def __call__(self, features: Array) -> Array:
        """Return relative costs of m points, m × features, once one point is known."""
        if self._fitted is None:
            every = list(self._known.values())
            self._fitted = _Fit([every[place] for place in thinned(len(every), MOST)])
        return self._fitted(features)


class _Fit:
    """Kernel ridge regression of log costs on points."""

    def __init__(self, known: Sequence[tuple[Array, float]]) -> None:
        self._points = np.stack([each for each, _ in known])
        logs = np.array([log for _, log in known])
        gram = _kernel(self._points, self._points)
        gram[np.diag_indices_from(gram)] += RIDGE
        self._middle, self._ends = logs.mean(), (logs.min() - 1, logs.max() + 1)
        self._weights = np.linalg.solve(gram, logs - self._middle)

    def __call__(self, features: Array) -> Array:
        """Return relative costs of m points, m × features."""
        logs = self._middle + _kernel(features, self._points) @ self._weights
        return np.asarray(np.exp(np.clip(logs, *self._ends)))


def _kernel(one: Array, other: Array) -> Array:
    """Return the polynomial kernel of third degree between points."""
    found: Array = (1 + one @ other.T / one.shape[1]) ** DEGREE
    return found
