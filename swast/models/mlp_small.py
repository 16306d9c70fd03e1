"""mlp-small: a multilayer perceptron with hidden layers of 256 and 128 units."""

from __future__ import annotations

import math

from torch import nn


def mlp_small(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build linear 256 · ReLU · linear 128 · ReLU · linear, on the flattened image."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(input_shape), 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, num_classes),
    )
