"""Networks: built-in ones, one file per family; torchvision's; and user-defined ones.

Each is built by a function of the images' shape (channels, height, width) and the number of
classes. A network must end in a linear layer, whose inputs are the penultimate features.
"""

from __future__ import annotations

import torch
from torch import nn

from swast.errors import ConfigError
from swast.models.check import check_network
from swast.models.cnn_small import cnn_small
from swast.models.imported import RAISED, contained, first_line
from swast.models.lenet import lenet_5, lenet_300_100
from swast.models.mlp_small import mlp_small
from swast.models.mobilenet_v2 import mobilenet_v2
from swast.models.named import Builder, named_builder
from swast.models.outline import UNTRACED, tried
from swast.models.plain import plain
from swast.models.resnet import resnet18, resnet50, resnet101
from swast.models.resnet_cifar import resnet20, resnet32, resnet56
from swast.models.vgg import vgg16_bn
from swast.models.vit_tiny import vit_tiny
from swast.models.wide_resnet import wrn_28_10
from swast.rng import seeded

__all__ = ["MODELS", "Builder", "build_model", "outline", "tried"]

MODELS: dict[str, Builder] = {
    "cnn-small": cnn_small,
    "mlp-small": mlp_small,
    "lenet-300-100": lenet_300_100,
    "lenet-5": lenet_5,
    "resnet20": resnet20,
    "resnet32": resnet32,
    "resnet56": resnet56,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "vgg16-bn": vgg16_bn,
    "wrn-28-10": wrn_28_10,
    "mobilenet-v2": mobilenet_v2,
    "vit-tiny": vit_tiny,
}


def build_model(name: str, input_shape: tuple[int, ...], num_classes: int, seed: int) -> nn.Module:
    """Build a network on the CPU, initialised by its own rules from the run's seed alone.

    Raises:
        ConfigError: there is no such network, or it does not fit the images.
    """
    with seeded(seed, "init"):
        if name in MODELS:
            return MODELS[name](input_shape, num_classes)
        build = named_builder(name)
        try:
            with contained():
                made = build(input_shape, num_classes)
                model = plain(f"model {name!r}", made, input_shape)
        except ConfigError:
            raise
        except RAISED as error:
            raise ConfigError([f"model {name!r} cannot be built: {first_line(error)}"]) from error
        check_network(name, model, input_shape, num_classes)
        return model


def outline(name: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build a network for inspection: shapes without values, on the meta device.

    If it cannot be built there, it is built on the CPU.

    Raises:
        ConfigError: there is no such network, or it does not fit the images.
    """
    try:
        with torch.device("meta"):
            return build_model(name, input_shape, num_classes, 0)
    except UNTRACED:
        return build_model(name, input_shape, num_classes, 0)
