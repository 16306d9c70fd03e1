"""Networks, one file each."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from swast.models.cnn_small import cnn_small
from swast.models.mlp_small import mlp_small
from swast.rng import seeded

__all__ = ["MODELS", "build_model"]

MODELS: dict[str, Callable[[tuple[int, ...], int], nn.Module]] = {
    "cnn-small": cnn_small,
    "mlp-small": mlp_small,
}


def build_model(name: str, input_shape: tuple[int, ...], num_classes: int, seed: int) -> nn.Module:
    """A network on the CPU, initialised by torch's own rules from the run's seed alone."""
    with seeded(seed, "init"):
        return MODELS[name](input_shape, num_classes)
