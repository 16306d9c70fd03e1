"""Log of the epochs of every trial: one file per trial in the search's folder, one line per epoch.

Optuna's storage has the outcome of each trial, this log its learning curve. After an MLflow outage
the missing metrics are sent from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from swast.files import JsonLines
from swast.result import EpochRecord
from swast.settings import FieldType, Setting, check

KINDS = {"epoch": FieldType(int), "phase": FieldType(str), "samples": FieldType(int)} | {
    name: FieldType(float)
    for name in (
        "sparsity",
        "learning_rate",
        "train_loss",
        "val_loss",
        "val_accuracy",
        "train_flops",
        "seconds",
    )
}
"""Kinds of the fields of a record."""


class EpochLog:
    """Log of the epochs of a search's trials, each epoch once and in order.

    An epoch whose line is damaged is left out until it is appended again.

    Args:
        folder: of the files; created with the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[int, dict[int, EpochRecord]] = {}
        self._unwritten: dict[int, list[EpochRecord]] = {}
        self._files: dict[int, JsonLines] = {}

    def read(self, number: int) -> list[EpochRecord]:
        """Return a trial's epochs."""
        known = self._read(number)
        return [known[epoch] for epoch in sorted(known)]

    def _read(self, number: int) -> dict[int, EpochRecord]:
        """Return a trial's epochs by their numbers, read from its file at first."""
        if number not in self._known:
            file = self._files[number] = JsonLines(self._folder / f"{number}.jsonl")
            self._known[number] = records_of(read(file))
            self._unwritten[number] = []
        return self._known[number]

    def extend(self, number: int, epochs: Iterable[EpochRecord]) -> list[EpochRecord]:
        """Add the epochs of a trial that are new; return these.

        On a full disk they stay in memory and are written with the next ones.
        """
        known = self._read(number)
        new = [epoch for epoch in epochs if epoch.epoch not in known]
        known.update((epoch.epoch, epoch) for epoch in new)
        waiting = self._unwritten[number]
        waiting += new
        if waiting:
            with suppress(OSError):
                lines = [dataclasses.asdict(epoch) for epoch in waiting]
                self._files[number].append(lines, sync=False)
                waiting.clear()
        return new


def read(file: JsonLines) -> list[Any]:
    """Return the values in a file; none if it cannot be read."""
    try:
        return file.read()
    except OSError:
        return []


def records_of(lines: Iterable[Any]) -> dict[int, EpochRecord]:
    """Return the records of lines by their epochs, the first of each epoch."""
    found: dict[int, EpochRecord] = {}
    for line in lines:
        if isinstance(line, dict) and all(is_valid(line.get(name), name) for name in KINDS):
            record = EpochRecord(**{name: line[name] for name in KINDS})
            found.setdefault(record.epoch, record)
    return found


def is_valid(value: object, name: str) -> bool:
    """Return whether a stored value may be that of a record's field; losses may be infinite."""
    kind = KINDS[name]
    if kind.kind is float and isinstance(value, float):
        return True
    return check(value, name, kind, Setting("", low=1 if name == "epoch" else 0)) is None
