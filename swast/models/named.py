"""Networks from elsewhere: ``torchvision:NAME``, and user-defined ``package.module:function``.

The function takes the images' shape (channels, height, width) and the number of classes. It
returns an `nn.Module` that ends in a linear layer with one output per class, and is called under
the run's seed. The module is imported from Python's path or from the current folder.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from swast.errors import ConfigError, nearest
from swast.models.imported import imported

Builder = Callable[[tuple[int, ...], int], nn.Module]

AUXILIARY = ("googlenet", "inception_v3")
"""Networks of torchvision with several outputs in training mode, unless switched off."""


def named_builder(name: str) -> Builder:
    """Return the builder of a network whose name has a colon.

    Raises:
        ConfigError: there is no such network.
    """
    source, _, member = name.partition(":")
    return _torchvision(name, member) if source == "torchvision" else _custom(name, source, member)


def _torchvision(name: str, member: str) -> Builder:
    from torchvision import models

    known = models.list_models(module=models)
    if member not in known:
        raise ConfigError(
            [f"model {name!r} is not a classifier of torchvision{nearest(member, known)}"]
        )
    extras = {"aux_logits": False, "init_weights": True} if member in AUXILIARY else {}

    def build(_: tuple[int, ...], num_classes: int) -> nn.Module:
        made: nn.Module = models.get_model(member, weights=None, num_classes=num_classes, **extras)
        return made

    return build


def _custom(name: str, source: str, member: str) -> Builder:
    function = imported(name, source, member)

    def build(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
        made = function(input_shape, num_classes)
        if not isinstance(made, nn.Module):
            raise ConfigError([f"model {name!r} must return an nn.Module, got {made!r}"])
        return made

    return build
