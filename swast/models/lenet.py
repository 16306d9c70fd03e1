"""lenet-300-100 and lenet-5: two small networks that pruning papers commonly use.

Sources: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
1998; here with ReLU and max-pooling, as is common today.
"""

from __future__ import annotations

import math

from torch import nn

from swast.errors import ConfigError


def lenet_300_100(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build linear 300 · ReLU · linear 100 · ReLU · linear, on the flattened image."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(input_shape), 300),
        nn.ReLU(),
        nn.Linear(300, 100),
        nn.ReLU(),
        nn.Linear(100, num_classes),
    )


def lenet_5(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build conv 5×5 (6) · pool · conv 5×5 (16) · pool · linear 120 · linear 84 · linear.

    The first convolution pads images smaller than 32 pixels by 2. So MNIST's 28 pixels give the
    paper's network, with 61,706 parameters.

    Args:
        input_shape: channels, height, width; height and width at least 12.
        num_classes: number of outputs.
    """
    channels, height, width = input_shape
    if min(height, width) < 12:
        raise ConfigError([f"model 'lenet-5' needs images of 12 × 12 or more, got {input_shape}"])
    padding = 2 if min(height, width) < 32 else 0
    rows, columns = (((side + 2 * padding - 4) // 2 - 4) // 2 for side in (height, width))
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * rows * columns, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, num_classes),
    )
