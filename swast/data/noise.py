"""Label noise, added once to the training labels, by the run's seed.

Sources: both kinds as in B. Han et al., "Co-teaching", NeurIPS 2018 (arXiv 1804.06872); pair flips
from G. Patrini et al., CVPR 2017 (arXiv 1609.03683).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from swast.rng import derive

Noise = Callable[[NDArray[np.int64], int, float, int], NDArray[np.int64]]


def symmetric(
    labels: NDArray[np.int64], num_classes: int, rate: float, seed: int
) -> NDArray[np.int64]:
    """Replace round(rate · n) random labels by one of the other classes, uniformly."""
    return _moved(labels, num_classes, rate, seed, num_classes - 1)


def pair_flip(
    labels: NDArray[np.int64], num_classes: int, rate: float, seed: int
) -> NDArray[np.int64]:
    """Replace round(rate · n) random labels by the next class; the first follows the last.

    The replaced labels are the same as with symmetric noise of the same seed.
    """
    return _moved(labels, num_classes, rate, seed, 1)


def _moved(
    labels: NDArray[np.int64], num_classes: int, rate: float, seed: int, most: int
) -> NDArray[np.int64]:
    """Shift round(rate · n) random labels by 1 to ``most`` classes, uniformly."""
    random = np.random.default_rng(derive(seed, "noise"))
    noisy = labels.copy()
    chosen = random.choice(len(labels), size=round(rate * len(labels)), replace=False)
    shift = random.integers(1, most + 1, size=len(chosen))
    noisy[chosen] = (labels[chosen] + shift) % num_classes
    return noisy


NOISES: dict[str, Noise] = {"symmetric": symmetric, "pair-flip": pair_flip}
