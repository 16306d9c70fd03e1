"""Trying a network out without paying for it: on torch's meta device, shapes without values."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

T = TypeVar("T")

UNTRACED = (RuntimeError, TypeError, ValueError, AttributeError)
"""What a network raises that looks at values, where there are none."""


def outlined(model: nn.Module) -> nn.Module:
    """A copy of a network on the meta device; nothing of its weights is copied."""
    known: dict[int, object] = {}
    for tensor in [*model.parameters(), *model.buffers()]:
        empty = torch.empty_like(tensor, device="meta")
        if isinstance(tensor, nn.Parameter):
            empty = nn.Parameter(empty, requires_grad=tensor.requires_grad)
        known[id(tensor)] = empty
    return copy.deepcopy(model, known)


def tried(model: nn.Module, look: Callable[[nn.Module, torch.device], T]) -> T:
    """What ``look`` finds in a copy of a network, on the meta device or else on the CPU.

    A network whose forward pass reads values (``.item()``, NumPy) fails on the meta device.
    """
    try:
        return look(outlined(model), torch.device("meta"))
    except UNTRACED:
        return look(copy.deepcopy(model).cpu(), torch.device("cpu"))
