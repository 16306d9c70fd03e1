"""resnet18, resnet50, resnet101: torchvision's networks, with a stem adapted to the image size.

Images above 64 pixels use ImageNet's stem: a 7 × 7 convolution of stride 2 and a max-pool. Smaller
images would lose too much resolution there, so they use a 3 × 3 convolution of stride 1, without
pooling.

Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
"""

from __future__ import annotations

from typing import cast

from torch import nn

SMALL_IMAGE = 64
"""Longest side, in pixels, up to which networks made for ImageNet keep the resolution."""


def resnet18(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build a network of basic blocks, with 11.2 million parameters on CIFAR-10."""
    return _with_stem("resnet18", input_shape, num_classes)


def resnet50(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build a network of bottleneck blocks, with 23.5 million parameters on CIFAR-10."""
    return _with_stem("resnet50", input_shape, num_classes)


def resnet101(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build a network of bottleneck blocks, with 42.5 million parameters on CIFAR-10."""
    return _with_stem("resnet101", input_shape, num_classes)


def is_small(input_shape: tuple[int, ...]) -> bool:
    """Return whether both sides of the images have at most 64 pixels."""
    return max(input_shape[1:]) <= SMALL_IMAGE


def _with_stem(name: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    from torchvision import models

    model = models.get_model(name, weights=None, num_classes=num_classes)
    channels = input_shape[0]
    if is_small(input_shape):
        model.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        model.maxpool = nn.Identity()
    elif channels != 3:
        model.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    return cast("nn.Module", model)
