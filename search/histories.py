"""What every epoch of every trial gave: a file a trial in the search's folder, a line an epoch.

The search's storage keeps how trials ended, these files how they got there. After a time without
MLflow, its metrics are made good from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from swast.files import replacing

Epoch = Mapping[str, Any]
"""`swast.result.EpochRecord`, as plain values."""


class Histories:
    """The epochs of a search's trials, each once and in order, however often they are told.

    Args:
        folder: for the files; made with the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[int, list[Epoch]] = {}
        self._written: dict[int, int] = {}

    def read(self, number: int) -> list[Epoch]:
        """A trial's epochs. A line that a dying process cut short counts for nothing."""
        if number not in self._known:
            epochs, whole = _lines(self._path(number))
            self._known[number] = epochs
            self._written[number] = len(epochs) if whole else 0
        return list(self._known[number])

    def extend(self, number: int, epochs: Iterable[Epoch]) -> list[Epoch]:
        """Add the epochs that a trial had not made before; returns these.

        On a full disk they are kept in memory, and written with those that follow.
        """
        made = len(self.read(number))
        new = [epoch for epoch in epochs if epoch["epoch"] > made]
        self._known[number] += new
        with suppress(OSError):
            self._write(number)
        return new

    def _write(self, number: int) -> None:
        """Append what the file lacks; where it ends in a broken line, write it anew."""
        path, epochs, written = self._path(number), self._known[number], self._written[number]
        if written == len(epochs):
            return
        text = "".join(f"{json.dumps(epoch)}\n" for epoch in epochs[written:]).encode()
        if written:
            self._written[number] = 0  # in case the disk is full half-way
            with path.open("ab") as file:
                file.write(text)
        else:
            with replacing(path) as file:
                file.write(text)
        self._written[number] = len(epochs)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.jsonl"


def _lines(path: Path) -> tuple[list[Epoch], bool]:
    """The epochs in a file, and whether it ends after a whole line."""
    if not path.exists():
        return [], False
    epochs: list[Epoch] = []
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            epochs.append(json.loads(line))
        except ValueError:
            return epochs, False
        if not line.endswith(b"\n"):
            return epochs, False
    return epochs, True
