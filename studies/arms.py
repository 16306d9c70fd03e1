"""Many trainings over a few processes, each outcome written down as it comes.

Outcomes go to one file, a JSON object a line. What identifies a run is its configuration and the
subset of its data; a run that the file holds already is not made again. A kill costs the runs
under way: a line cut short is dropped when the file is next opened.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from studies.outcomes import Cell, Outcome
from studies.subsets import WHOLE, Subset, load_subset
from swast.config import TrainConfig
from swast.data import ArrayData
from swast.errors import DivergedError
from swast.forecast import dense_flops
from swast.result import EpochRecord
from swast.run import Run
from swast.training import epochs, result

PROGRESS_EVERY = 25


def run_one(config: TrainConfig, subset: Subset = WHOLE) -> Outcome:
    """Train as a configuration says and read the test set once, at the end.

    A run that diverges keeps the bill and the time of the epochs that it made.
    """
    torch.set_num_threads(config.threads)
    data = load_subset(config.data, subset)
    started = time.process_time()
    run = Run(config, data)
    dense = dense_flops(config, data)
    try:
        deque(epochs(run), maxlen=0)
        made = result(run, test=True).to_dict()
    except DivergedError:
        return guessing(config, data, run.ledger.to_dict(), run.history)
    return Outcome.of(made, dense, time.process_time() - started)


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


def run_all(
    configs: Iterable[TrainConfig], out: Path, *, workers: int = 1, subset: Subset = WHOLE
) -> dict[TrainConfig, Outcome]:
    """Every configuration's outcome: read from ``out/runs.jsonl``, or made and added to it.

    Args:
        configs: what to train; one that comes twice is trained once.
        out: the study's folder.
        workers: processes, each with a run at a time.
        subset: the part of the data that all of them see.
    """
    results = Results(out / "runs.jsonl")
    cells = {each: Cell(each, subset) for each in configs}
    missing = [each for each, cell in cells.items() if results.get(cell) is None]
    _say(f"{len(cells)} runs, {len(missing)} of them to make")
    for done, (config, outcome) in enumerate(_outcomes(missing, subset, workers), start=1):
        results.add(cells[config], outcome)
        if done % PROGRESS_EVERY == 0 or done == len(missing):
            _say(f"{done}/{len(missing)}")
    return {each: found for each, cell in cells.items() if (found := results.get(cell))}


def _outcomes(
    configs: list[TrainConfig], subset: Subset, workers: int
) -> Iterator[tuple[TrainConfig, Outcome]]:
    """Outcomes as they come, from processes that each start from nothing."""
    if not configs:
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        pending = {pool.submit(run_one, each, subset): each for each in configs}
        try:
            for future in as_completed(pending):
                yield pending[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
