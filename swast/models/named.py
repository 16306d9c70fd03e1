"""Networks from elsewhere: ``torchvision:NAME``, and user-defined ``package.module:function``.

The function takes the images' shape (channels, height, width) and the number of classes. It
returns an `nn.Module` that ends in a linear layer with one output per class, and is called under
the run's seed. The module is imported from Python's path or from the current folder.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from torch import nn

from swast.errors import ConfigError, nearest

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
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        function = getattr(importlib.import_module(source), member)
    except Exception as error:  # user code can raise anything
        raise ConfigError([f"model {name!r} cannot be imported: {first_line(error)}"]) from error
    if not callable(function):
        raise ConfigError([f"model {name!r} must be a function, got {function!r}"])

    def build(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
        made = function(input_shape, num_classes)
        if not isinstance(made, nn.Module):
            raise ConfigError([f"model {name!r} must return an nn.Module, got {made!r}"])
        return made

    return build


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, led by its type."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
