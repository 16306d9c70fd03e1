"""wrn-28-10: a residual network of 28 layers, ten times as wide as the thin ones for CIFAR.

Norm and ReLU come before each convolution (pre-activation); no dropout.

Source: Zagoruyko, Komodakis, "Wide residual networks", BMVC 2016.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from swast.models.resnet_cifar import initialise_convolutions

DEPTH, WIDENING = 28, 10


class Block(nn.Module):
    """Residual block: norm · ReLU · conv 3×3 · norm · ReLU · conv 3×3, plus a shortcut."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.projection = None
        if channels != width:
            self.projection = nn.Conv2d(channels, width, 1, stride, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the feature maps; a projection takes the activated input, as in the paper."""
        active = functional.relu(self.norm1(images))
        shortcut = images if self.projection is None else self.projection(active)
        hidden = self.conv2(functional.relu(self.norm2(self.conv1(active))))
        joined: torch.Tensor = shortcut + hidden
        return joined


def wrn_28_10(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build stages of four blocks with 160, 320 and 640 channels: 36.5 million parameters."""
    blocks = (DEPTH - 4) // 6
    channels = 16
    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], channels, 3, padding=1, bias=False)]
    for stage in range(3):
        width = 16 * WIDENING * 2**stage
        for place in range(blocks):
            layers.append(Block(channels, width, 2 if place == 0 and stage > 0 else 1))
            channels = width
    layers += [
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, num_classes),
    ]
    model = nn.Sequential(*layers)
    initialise_convolutions(model)
    return model
