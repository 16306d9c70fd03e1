"""Cheap trials of a network on torch's meta device, which has shapes without values."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

T = TypeVar("T")

UNTRACED = (RuntimeError, TypeError, ValueError, AttributeError)
"""Errors of networks that read values on the meta device."""


def outlined(model: nn.Module) -> nn.Module:
    """Return a copy of a network on the meta device, without copying weights."""
    known: dict[int, object] = {}
    for tensor in [*model.parameters(), *model.buffers()]:
        empty = torch.empty_like(tensor, device="meta")
        if isinstance(tensor, nn.Parameter):
            empty = nn.Parameter(empty, requires_grad=tensor.requires_grad)
        known[id(tensor)] = empty
    return copy.deepcopy(model, known)


def tried(model: nn.Module, look: Callable[[nn.Module, torch.device], T]) -> T:
    """Call ``look`` on a copy of a network and return its result.

    The copy is on the meta device or, if that fails, on the CPU: a forward pass that reads values
    (``.item()``, NumPy) fails on the meta device.
    """
    try:
        return look(outlined(model), torch.device("meta"))
    except UNTRACED:
        return look(copy.deepcopy(model).cpu(), torch.device("cpu"))
