"""Outcomes of trainings in a file of JSON lines, each written as soon as it is known.

A line holds one outcome, identified by its configuration and the subset of its data. A last line
that was cut short by a kill is dropped when the file is next opened.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

from studies.outcomes import Cell, Outcome
from studies.subsets import Subset
from swast.config import TrainConfig
from swast.data import ArrayData
from swast.files import JsonLines
from swast.forecast import dense_flops
from swast.result import EpochRecord


def guessing(
    config: TrainConfig, data: ArrayData, flops: dict[str, int], history: Iterable[EpochRecord]
) -> Outcome:
    """Return the outcome of a run whose loss stopped being finite: it counts as guessing.

    Args:
        config: of the run.
        data: its data set.
        flops: its FLOPs by term.
        history: the epochs that it finished.
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


class Results:
    """Outcomes in a file of JSON lines; the file is created with its folder.

    Configuration fields that are missing from an older line take their defaults.
    """

    def __init__(self, path: Path) -> None:
        self._file = JsonLines(path)
        self._known: dict[Cell, Outcome] = {}
        for entry in self._file.read():
            config = TrainConfig.from_dict(entry.pop("config"))
            cell = Cell(config, Subset(**entry.pop("subset")))
            self._known[cell] = Outcome.from_dict(entry)

    def get(self, cell: Cell) -> Outcome | None:
        """Return the outcome of a cell, or None if it is not known."""
        return self._known.get(cell)

    def add(self, cell: Cell, outcome: Outcome) -> None:
        """Append an outcome to the file, and flush it to disk."""
        values = json.loads(cell.identity) | dataclasses.asdict(outcome)
        self._file.append([values])
        self._known[cell] = outcome
