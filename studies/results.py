"""The outcomes of trainings in a file, each written as it comes.

An outcome is a JSON object on a line. What identifies it is the configuration and the subset of
its data. A line that a kill cut short is dropped when the file is next opened.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from studies.outcomes import Cell, Outcome
from studies.subsets import Subset
from swast.config import TrainConfig
from swast.data import ArrayData
from swast.forecast import dense_flops
from swast.result import EpochRecord


def guessing(
    config: TrainConfig, data: ArrayData, flops: dict[str, int], history: Iterable[EpochRecord]
) -> Outcome:
    """The outcome of a run whose loss stopped being finite: it classifies as guessing does.

    Args:
        config: what was to be trained.
        data: its data set.
        flops: its bill by term.
        history: the epochs that it made.
    """
    made, dense = tuple(history), dense_flops(config, data)
    bill = sum(count for term, count in flops.items() if term != "evaluation")
    return Outcome(
        test_accuracy=1 / data.num_classes,
        val_accuracy=1 / data.num_classes,
        relative_flops=bill / dense,
        flops=flops,
        dense_flops=dense,
        noisy_share=None,
        seconds=made[-1].seconds if made else 0.0,
        diverged=True,
        history=made,
    )


def whole_lines(path: Path) -> list[str]:
    """The lines of a file, which is created with its folder.

    It loses what a kill left behind the last line's end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return whole.decode().splitlines()


class Results:
    """The outcomes in a file of JSON lines; the file is created with its folder.

    Fields that configurations did not have when a line was written hold their defaults.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[Cell, Outcome] = {}
        for line in whole_lines(path):
            entry: dict[str, Any] = json.loads(line)
            config = TrainConfig.from_dict(entry.pop("config"))
            cell = Cell(config, Subset(**entry.pop("subset")))
            self._known[cell] = Outcome.from_dict(entry)

    def get(self, cell: Cell) -> Outcome | None:
        """What came of a cell, if that is known."""
        return self._known.get(cell)

    def add(self, cell: Cell, outcome: Outcome) -> None:
        """Write an outcome down, for good."""
        values = json.loads(cell.identity) | dataclasses.asdict(outcome)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._known[cell] = outcome
