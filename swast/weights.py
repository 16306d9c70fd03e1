"""Saving of trained weights, and loading of networks from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from swast.checkpoint import read, write
from swast.config import TrainConfig
from swast.errors import CheckpointError, SwastError
from swast.models import build_model
from swast.outputs import output
from swast.pruning import channel


def save_weights(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write a plain state dict, masks applied, for ``torch.load(weights_only=True)``.

    Args:
        path: a file, a device or a pipe (see `swast.outputs.output`).
        state: weights by name.

    Raises:
        OSError: it cannot be written; an earlier file is left as it was.
    """
    with output(path) as file:
        write(state, file)


def load_network(
    path: Path, config: TrainConfig, input_shape: Sequence[int], num_classes: int
) -> nn.Module:
    """Load a network with saved weights, on the CPU, in eval mode.

    If channels were removed, the network has the reduced shapes.

    Args:
        path: a file written by `save_weights` or ``swast-train --weights``.
        config: the configuration of the training run.
        input_shape: channels, height and width of its images.
        num_classes: number of outputs.

    Raises:
        CheckpointError: the file is missing, damaged, or belongs to another network.
    """
    state = read(path)
    if state is None:
        raise CheckpointError(f"{path}: no such file")
    try:
        return make_network(state, config, input_shape, num_classes)
    except SwastError:
        raise
    except Exception as error:  # wrong shapes and names can raise almost anything
        raise CheckpointError(f"{path}: not the weights of a {config.model}") from error


def make_network(
    state: Mapping[str, torch.Tensor],
    config: TrainConfig,
    input_shape: Sequence[int],
    num_classes: int,
) -> nn.Module:
    """Build a network from weights in memory; otherwise as `load_network`."""
    model = build_model(config.model, tuple(input_shape), num_classes, config.seed)
    channel.fit(model, state)
    model.load_state_dict(state)
    return model.eval()
