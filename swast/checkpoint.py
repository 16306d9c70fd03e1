"""Checkpoints: written atomically, read without running any code in them."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

import torch

from swast.errors import CheckpointError
from swast.files import replacing

FILE = "checkpoint.pt"


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a run's state into a folder, replacing the checkpoint there."""
    with replacing(folder / FILE) as file:
        write(state, file)


def write(state: Mapping[str, Any], file: IO[bytes]) -> None:
    """Write a state as PyTorch does.

    Raises:
        OSError: the file cannot be written, for which PyTorch has errors of its own.
    """
    target = _Remembering(file)
    try:
        torch.save(dict(state), cast("IO[bytes]", target))
    except RuntimeError as error:
        raise target.error or error from None


class _Remembering:
    """File that remembers the error that ended its writing."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, content: bytes) -> int:
        """Write a part."""
        try:
            return self._file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Do nothing: whoever opened the file flushes it."""


def load(folder: Path) -> dict[str, Any] | None:
    """Load the state in a folder, its tensors on the CPU; return None if there is none.

    Raises:
        CheckpointError: the file is damaged.
    """
    return read(folder / FILE)


def read(path: Path) -> dict[str, Any] | None:
    """Load the state in a file, its tensors on the CPU; return None if there is none.

    Raises:
        CheckpointError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state = _read(path)
    except Exception as error:  # a damaged file can raise almost anything
        raise CheckpointError(f"{path}: damaged checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: not a checkpoint")
    return state


def _read(path: Path) -> object:
    """Load a file after verifying its checksums.

    PyTorch compresses nothing: a compressed file is not its own, and is not unpacked.
    """
    with zipfile.ZipFile(path) as archive:
        packed = any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist())
        if packed or archive.testzip() is not None:
            raise zipfile.BadZipFile
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
