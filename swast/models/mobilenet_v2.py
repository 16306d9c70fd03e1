"""mobilenet-v2: torchvision's network, with strides adapted to the image size.

For images up to 64 pixels, the first convolution and the second stage keep the resolution; for
larger ones they halve it. CIFAR's 32 pixels end as 4 × 4.

Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018,
table 2.
"""

from __future__ import annotations

from typing import cast

from torch import nn

from swast.models.resnet import is_small

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and stride of each stage."""


def mobilenet_v2(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build 17 inverted residual blocks with depthwise convolutions.

    It has 2.2 million parameters on CIFAR-10.
    """
    from torchvision import models

    small = is_small(input_shape)
    stages = [list(stage) for stage in STAGES]
    if small:
        stages[1][3] = 1
    model = models.mobilenet_v2(
        weights=None, num_classes=num_classes, inverted_residual_setting=stages
    )
    first = nn.Conv2d(input_shape[0], 32, 3, stride=1 if small else 2, padding=1, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out")
    model.features[0][0] = first
    return cast("nn.Module", model)
