"""Label noise, injected once into the training labels by the run's seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swast.rng import derive


def symmetric(
    labels: NDArray[np.int64], num_classes: int, rate: float, seed: int
) -> NDArray[np.int64]:
    """Replace round(rate · n) labels, drawn evenly, by one of the other classes, drawn evenly."""
    random = np.random.default_rng(derive(seed, "noise"))
    noisy = labels.copy()
    chosen = random.choice(len(labels), size=round(rate * len(labels)), replace=False)
    shift = random.integers(1, num_classes, size=len(chosen))
    noisy[chosen] = (labels[chosen] + shift) % num_classes
    return noisy
