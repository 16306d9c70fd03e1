"""Shared warm-ups: a folder of warm-up states that several runs load instead of training them.

Until the first selection a run is dense training on all data, independent of the settings of
coreset and pruning. Runs that agree in all other settings have the same warm-up epochs, bit for
bit. The first run that needs an epoch trains it; the others wait and load it. A warm-up is known
by the content of the data and of the code, never by their names.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import torch

from swast import checkpoint
from swast.config import BEGINNING, TrainConfig, flatten
from swast.data import ArrayData
from swast.errors import CheckpointError
from swast.files import lock
from swast.models.identity import behaviour, trainer
from swast.models.source import sources
from swast.plan import prune_start
from swast.run import Run


class Warmups:
    """Store of warm-up states, one for each epoch.

    Several processes may use it at once, and any of them may be killed: states are written
    atomically, and a process that trains an epoch holds a lock that is released when it ends. If
    the folder cannot be used, runs train their warm-ups themselves.

    Args:
        folder: the folder of the states; created if needed.
        data: the data set of all runs.
    """

    def __init__(self, folder: Path, data: ArrayData) -> None:
        self._folder = folder
        self._data = content(data)

    def advance(self, run: Run) -> None:
        """Load the latest stored warm-up epoch into a run."""
        for epoch in range(shared_epochs(run.config), run.epoch, -1):
            if self._take(run, epoch):
                return

    @contextmanager
    def turn(self, run: Run) -> Iterator[None]:
        """Hold the lock on a run's next epoch inside the block.

        If another run has trained the epoch meanwhile, it is loaded before the block starts.
        Otherwise the caller trains it, and the state is saved for other runs when the block ends.
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
        """Load the state at the end of an epoch; return False if it is missing or damaged."""
        try:
            state = checkpoint.load(self._place(run, epoch))
            if state is not None:
                run.take_over(state)
        except CheckpointError:
            return False
        return state is not None

    @contextmanager
    def _lock(self, run: Run) -> Iterator[None]:
        """Lock a run's warm-up inside the block; do nothing if files cannot be locked."""
        try:
            file = self._locked(self._place(run, 0).parent)
        except OSError:
            yield
            return
        with file:
            yield

    @staticmethod
    def _locked(folder: Path) -> TextIO:
        """Return the locked file of a folder; closing it releases the lock."""
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
        try:
            lock(file, wait=True)
        except OSError:
            file.close()
            raise
        return file

    def _place(self, run: Run, epoch: int) -> Path:
        """Return the folder of a state."""
        return self._folder / key(run, self._data) / str(epoch)


def shared_epochs(config: TrainConfig) -> int:
    """Return the number of epochs that runs may share: the warm-up, or 0 if it is pruned."""
    return config.warmup_epochs if prune_start(config) == config.warmup_epochs else 0


def key(run: Run, data: str) -> str:
    """Return the key of a run's warm-up; equal keys mean epochs that are equal bit for bit.

    Args:
        run: the run.
        data: digest of its data set.
    """
    config, given = run.config, run.data
    return hashed(
        beginning(config)
        | {
            "content": data,
            "remembers": run.memory is not None,
            "torch": torch.__version__,
            "machine": _machine(run.device),
            "trainer": trainer(),
            "source": sources(config.model),
            "behaviour": behaviour(config.model, given.input_shape, given.num_classes),
        }
    )


def beginning(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that determine the warm-up epochs."""
    settings = flatten({name: config.to_dict()[name] for name in BEGINNING})
    if config.optim.schedule == "constant":
        del settings["epochs"]
    return settings


def hashed(facts: Mapping[str, Any]) -> str:
    """Return the hash of some facts, as 32 hexadecimal digits."""
    text = json.dumps(facts, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def content(data: ArrayData) -> str:
    """Return a digest of a data set, by its content and normalisation."""
    return hashed(data.fingerprint | {"colours": repr((data.colours, data.removed))})


def _machine(device: torch.device) -> str:
    """Return the kind of hardware, since rounding depends on it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
