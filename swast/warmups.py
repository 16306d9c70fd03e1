"""Warm-up epochs trained once: a folder of states that runs with the same beginning start from.

Until the first selection a run is dense training on all data, which the coreset's and the pruner's
settings do not touch. Runs that agree in everything else make the same epochs, bit for bit; the
first to need one trains it, and the others wait for it and take it over.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from swast import checkpoint
from swast.config import BEGINNING, TrainConfig, flatten
from swast.data import ArrayData
from swast.data.files import ImageFiles
from swast.errors import CheckpointError
from swast.files import lock
from swast.plan import prune_start
from swast.run import Run

FORMAT = 1
"""Of the states in a folder; to be raised when the same settings come to train otherwise."""
PICTURES = 1000
"""Images of each part that are looked at to tell data sets apart."""


class Warmups:
    """States of warm-ups at the ends of their epochs.

    Safe for many processes at once, of which any may be killed: a state is there whole or not at
    all, and whoever trains an epoch holds a lock that goes with its process. Where the folder
    cannot be used, runs train their warm-ups themselves.

    Args:
        folder: where they lie; made if there is none.
        data: the data set of all runs.
    """

    def __init__(self, folder: Path, data: ArrayData) -> None:
        self._folder = folder
        self._data = digest(data)

    def advance(self, run: Run) -> None:
        """Bring a run as far into its warm-up as states go."""
        for epoch in range(shared_epochs(run.config), run.epoch, -1):
            if self._take(run, epoch):
                return

    @contextmanager
    def turn(self, run: Run) -> Iterator[None]:
        """A block in which a run may train its next epoch, no other training the same one.

        The run has made the epoch already where another trained it meanwhile; where it makes one,
        the state at its end is kept for the others.
        """
        epoch = run.epoch
        if epoch >= shared_epochs(run.config):
            yield
            return
        with self._lock(run):
            found = self._take(run, epoch + 1)
            yield
            if not found:
                with suppress(OSError):
                    checkpoint.save(self._place(run, run.epoch), run.warmup_state())

    def _take(self, run: Run, epoch: int) -> bool:
        """Bring a run to the end of an epoch, if its state is there and sound."""
        try:
            state = checkpoint.load(self._place(run, epoch))
            if state is not None:
                run.take_over(state)
        except CheckpointError:
            return False
        return state is not None

    @contextmanager
    def _lock(self, run: Run) -> Iterator[None]:
        """Hold what a run would train; nothing where files cannot be written or locked."""
        try:
            file = self._locked(self._place(run, 0).parent)
        except OSError:
            yield
            return
        with file:
            yield

    @staticmethod
    def _locked(folder: Path) -> TextIO:
        """The lock of a folder, held as long as it is open."""
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
        try:
            lock(file, wait=True)
        except OSError:
            file.close()
            raise
        return file

    def _place(self, run: Run, epoch: int) -> Path:
        """The folder of a state."""
        return self._folder / key(run, self._data) / str(epoch)


def shared_epochs(config: TrainConfig) -> int:
    """Epochs of a run that other runs may have made: its warm-up, where that is dense."""
    return config.warmup_epochs if prune_start(config) == config.warmup_epochs else 0


def key(run: Run, data: str) -> str:
    """What names the warm-up of a run: equal only where its epochs are equal bit for bit.

    Args:
        run: the run.
        data: digest of its data set.
    """
    return hashed(
        beginning(run.config)
        | {
            "format": FORMAT,
            "content": data,
            "remembers": run.memory is not None,
            "torch": torch.__version__,
            "machine": _machine(run.device),
        }
    )


def beginning(config: TrainConfig) -> dict[str, Any]:
    """The settings on which the warm-up's epochs hang."""
    settings = flatten({name: config.to_dict()[name] for name in BEGINNING})
    if config.optim.schedule == "constant":
        del settings["epochs"]
    return settings


def hashed(facts: Mapping[str, Any]) -> str:
    """A name for some facts, 32 hexadecimal digits."""
    text = json.dumps(facts, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def digest(data: ArrayData) -> str:
    """What tells a data set from others: its labels and 1,000 of the images of each part."""
    found = hashlib.blake2b(repr(data.colours).encode(), digest_size=16)
    for images, labels in (
        (data.train_images, data.train_labels),
        (data.val_images, data.val_labels),
    ):
        places = np.linspace(0, len(labels) - 1, min(PICTURES, len(labels))).astype(np.intp)
        found.update(f"{images.shape} {images.dtype}".encode())
        found.update(labels.tobytes())
        if isinstance(images, ImageFiles):
            found.update(repr((images.root, images.shorter, images[places].names)).encode())
        else:
            found.update(np.ascontiguousarray(images[places]).tobytes())
    return found.hexdigest()


def _machine(device: torch.device) -> str:
    """What computes: machines of another kind round otherwise."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
