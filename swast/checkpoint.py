"""Checkpoints: written whole or not at all, read without running any code in them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from swast.errors import CheckpointError
from swast.files import replacing

FILE = "checkpoint.pt"


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a run's state into a folder, in place of what was there."""
    with replacing(folder / FILE) as file:
        torch.save(dict(state), file)


def load(folder: Path) -> dict[str, Any] | None:
    """The state in a folder, its tensors on the CPU, or None where there is none yet.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: damaged checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: not a checkpoint")
    return state
