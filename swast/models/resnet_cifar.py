"""resnet20, resnet32, resnet56: thin residual networks for CIFAR, with projection shortcuts.

They have three stages of n blocks with 16, 32 and 64 channels, 6n + 2 layers. If a stage halves
the image, its shortcut is a 1 × 1 convolution with batch norm (option B), not padding (option A).

Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016,
section 4.2.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """Residual block: conv 3×3 · norm · ReLU · conv 3×3 · norm, plus a shortcut, · ReLU."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride > 1 or channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the feature maps of the block."""
        hidden = functional.relu(self.norm1(self.conv1(images)))
        return functional.relu(self.norm2(self.conv2(hidden)) + self.shortcut(images))


def resnet20(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build a network of three blocks per stage, with 0.27 million parameters."""
    return residual_network(3, input_shape, num_classes)


def resnet32(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build a network of five blocks per stage, with 0.47 million parameters."""
    return residual_network(5, input_shape, num_classes)


def resnet56(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build a network of nine blocks per stage, with 0.86 million parameters."""
    return residual_network(9, input_shape, num_classes)


def residual_network(blocks: int, input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Build conv 3×3 (16) · norm · ReLU, three stages of blocks, global average, linear."""
    layers: list[nn.Module] = [
        nn.Conv2d(input_shape[0], WIDTHS[0], 3, padding=1, bias=False),
        nn.BatchNorm2d(WIDTHS[0]),
        nn.ReLU(),
    ]
    channels = WIDTHS[0]
    for width in WIDTHS:
        for place in range(blocks):
            layers.append(Block(channels, width, 2 if place == 0 and width != WIDTHS[0] else 1))
            channels = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]
    model = nn.Sequential(*layers)
    initialise_convolutions(model)
    return model


def initialise_convolutions(model: nn.Module) -> None:
    """Apply He initialisation for ReLU to every convolution, by fan-out as in torchvision."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
