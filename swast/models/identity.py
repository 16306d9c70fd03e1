"""Identity of a network as it is built: of its source, its values and what it computes."""

from __future__ import annotations

import functools
import hashlib
import secrets
import sys
from pathlib import Path

import torch
from torch import nn

from swast.models import MODELS, build_model
from swast.models.named import named_builder
from swast.models.source import digest
from swast.rng import seeded


@functools.cache
def trainer() -> str:
    """Return a digest of the source of this package."""
    folder = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(f"{path.relative_to(folder).as_posix()} {digest(path.read_bytes())}".encode())
    return found.hexdigest()[:32]


def behaviour(model: str, input_shape: tuple[int, ...], num_classes: int) -> str:
    """Return a digest of what a network that comes from elsewhere is and computes.

    Its structure, its initial values for a fixed seed, and its outputs for fixed images count. It
    holds for one machine and version of PyTorch. A network that is never the same twice is unlike
    all others. This package's own networks have none: `trainer` tells them apart.
    """
    if model in MODELS:
        return ""
    named_builder(model)  # imports its module
    return _behaviour(model, input_shape, num_classes, sys.modules.get(model.partition(":")[0]))


@functools.lru_cache
def _behaviour(model: str, shape: tuple[int, ...], classes: int, _module: object) -> str:
    one, two = (_observed(build_model(model, shape, classes, 0), shape) for _ in range(2))
    return one if one == two else secrets.token_hex(16)


def _observed(network: nn.Module, shape: tuple[int, ...]) -> str:
    """Return a digest of a network's structure, values, and outputs in both modes."""
    found = hashlib.sha256(repr(network).encode())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad(), seeded(0, "identity"):
            images = torch.randn(2, *shape)
            outputs = {str(mode): network.train(mode)(images) for mode in (False, True)}
    finally:
        torch.set_num_threads(threads)
    for name, tensor in [*network.state_dict().items(), *outputs.items()]:
        if isinstance(tensor, torch.Tensor):
            values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            found.update(values.numpy().data)
    return found.hexdigest()[:32]
