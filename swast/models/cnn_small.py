"""cnn-small: two convolutions and two linear layers, 658,368 FLOPs forward on an 8 × 8 image."""

from __future__ import annotations

from torch import nn

from swast.errors import ConfigError


def cnn_small(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build conv 3×3 (16) · ReLU · conv 3×3 (32) · ReLU · max-pool 2 · linear 48 · ReLU · linear.

    Args:
        input_shape: channels, height, width; height and width at least 2.
        num_classes: number of outputs.
    """
    channels, height, width = input_shape
    if min(height, width) < 2:
        raise ConfigError([f"model 'cnn-small' needs images of 2 × 2 or more, got {input_shape}"])
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (height // 2) * (width // 2), 48),
        nn.ReLU(),
        nn.Linear(48, num_classes),
    )
