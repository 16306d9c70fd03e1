"""Log of the epochs of every trial: one file per trial in the search's folder, one line per epoch.

Optuna's storage has the outcome of each trial, this log its learning curve. After an MLflow outage
the missing metrics are sent from it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from swast.files import JsonLines
from swast.result import EpochRecord

FIELDS = tuple(each.name for each in dataclasses.fields(EpochRecord))


class EpochLog:
    """Log of the epochs of a search's trials, each epoch once and in order.

    Args:
        folder: of the files; created with the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[int, list[EpochRecord]] = {}
        self._written: dict[int, int] = {}
        self._files: dict[int, JsonLines] = {}

    def read(self, number: int) -> list[EpochRecord]:
        """Return a trial's epochs."""
        if number not in self._known:
            file = self._files[number] = JsonLines(self._folder / f"{number}.jsonl")
            self._known[number] = list(_records(file.read()))
            self._written[number] = len(self._known[number])
        return list(self._known[number])

    def extend(self, number: int, epochs: Iterable[EpochRecord]) -> list[EpochRecord]:
        """Add the epochs of a trial that are new; return these.

        On a full disk they stay in memory and are written with the next ones.
        """
        made = len(self.read(number))
        new = [epoch for epoch in epochs if epoch.epoch > made]
        known = self._known[number]
        known += new
        lines = [dataclasses.asdict(epoch) for epoch in known[self._written[number] :]]
        if lines:
            with suppress(OSError):
                self._files[number].append(lines, sync=False)
                self._written[number] = len(known)
        return new


def _records(lines: Iterable[Any]) -> Iterator[EpochRecord]:
    """Yield the records of lines, from the first epoch up to one that is missing or damaged."""
    found: dict[int, EpochRecord] = {}
    for line in lines:
        with suppress(KeyError, TypeError):
            record = EpochRecord(**{name: line[name] for name in FIELDS})
            found.setdefault(record.epoch, record)
    for number in itertools.count(1):
        if number not in found:
            return
        yield found[number]
