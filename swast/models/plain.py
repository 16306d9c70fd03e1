"""Plain form of a user's network: eager modules whose parameters all have their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from swast.errors import ConfigError
from swast.features import evaluating
from swast.models.imported import RAISED, first_line


def plain(said: str, model: nn.Module, input_shape: Sequence[int]) -> nn.Module:
    """Return a network without wrappers, its lazy layers made by one pass of black images.

    Wrappers are `torch.compile`, for which ``compute.compile`` exists, and `nn.DataParallel`.

    Args:
        said: the network's name, for messages.
        model: the network, changed in place.
        input_shape: channels, height and width of its images.

    Raises:
        ConfigError: the network is scripted, computes a weight by a hook, or has parameters
            without values.
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise ConfigError(
            [f"{said} is compiled by torch.jit, which hides its weights; return it as it was"]
        )
    model = _unwrapped(model)
    for name, module in model.named_modules():
        for part, value in vars(module).items():
            if isinstance(value, torch.Tensor) and value.grad_fn is not None:
                raise ConfigError(
                    [
                        f"{said} computes {part!r} of layer {name!r} by a hook, as of the old "
                        "torch.nn.utils.weight_norm, spectral_norm or prune; use "
                        "torch.nn.utils.parametrizations, or remove it"
                    ]
                )
    _materialise(said, model, input_shape)
    tensors = [*model.named_parameters(), *model.named_buffers()]
    empty = [name for name, tensor in tensors if tensor.is_meta]
    if empty and torch.get_default_device().type != "meta":
        raise ConfigError([f"{said} has no values in {empty[0]!r}, which is on the meta device"])
    return model


def _unwrapped(model: nn.Module) -> nn.Module:
    """Return a network without wrappers, at any depth."""
    while isinstance(inner := _inner(model), nn.Module):
        model = inner
    model._compiled_call_impl = None
    for name, child in model.named_children():
        bare = _unwrapped(child)
        if bare is not child:
            setattr(model, name, bare)
    return model


def _inner(model: nn.Module) -> Any:  # noqa: ANN401
    """Return the network inside a wrapper; None if there is none."""
    if isinstance(model, nn.DataParallel):
        return model.module
    return model._modules.get("_orig_mod")


def _materialise(said: str, model: nn.Module, input_shape: Sequence[int]) -> None:
    """Make lazy layers by one pass; do nothing if there are none."""
    if not _lazy(model):
        return
    try:
        with evaluating(model):
            model(torch.zeros(2, *input_shape))
    except RAISED as error:
        raise ConfigError(
            [f"{said} does not take images of {tuple(input_shape)}: {first_line(error)}"]
        ) from error
    if left := _lazy(model):
        raise ConfigError(
            [f"{said} never uses its lazy parameter {left[0]!r}, so its shape is unknown"]
        )


def _lazy(model: nn.Module) -> list[str]:
    """Return the names of parameters and buffers without a shape."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return [name for name, each in tensors if nn.parameter.is_lazy(each)]
