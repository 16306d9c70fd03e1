"""vgg16-bn: torchvision's network, with a classifier adapted to the image size.

Images above 64 pixels use ImageNet's classifier, with two hidden layers of 4,096 units and
dropout. For smaller images, the 512 averaged features go into one linear layer, as is common on
CIFAR (14.7 million parameters).

Source: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition",
ICLR 2015.
"""

from __future__ import annotations

from typing import cast

from torch import nn

from swast.errors import ConfigError
from swast.models.resnet import is_small


def vgg16_bn(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build 13 convolutions 3×3 with batch norm in five stages, and linear layers.

    Args:
        input_shape: channels, height, width; at least 32 pixels, as five stages halve them.
        num_classes: number of outputs.
    """
    from torchvision import models

    channels, height, width = input_shape
    if min(height, width) < 32:
        raise ConfigError([f"model 'vgg16-bn' needs images of 32 × 32 or more, got {input_shape}"])
    model = models.vgg16_bn(weights=None, num_classes=num_classes)
    if channels != 3:
        model.features[0] = nn.Conv2d(channels, 64, 3, padding=1)
        nn.init.kaiming_normal_(model.features[0].weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(model.features[0].bias)
    if is_small(input_shape):
        model.avgpool = nn.AdaptiveAvgPool2d(1)
        model.classifier = nn.Linear(512, num_classes)
    return cast("nn.Module", model)
