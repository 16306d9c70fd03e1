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
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from studies.subsets import WHOLE, Subset, load_subset
from swast.config import TrainConfig
from swast.errors import DivergedError
from swast.forecast import dense_flops
from swast.run import Run
from swast.training import epochs, result

PROGRESS_EVERY = 25


@dataclass(frozen=True)
class Outcome:
    """What a study keeps of a run.

    Attributes:
        test_accuracy: of the last epoch, in [0, 1]; that of guessing where the loss diverged.
        val_accuracy: likewise, on the validation set.
        relative_flops: the bill over that of dense training on all data.
        flops: the bill by term.
        dense_flops: what dense training on all data costs.
        noisy_share: share of wrong labels in the last coreset; None where there was no round.
        seconds: wall time of the training, with its evaluations.
        cpu_seconds: processor time of the whole run, which other work on the machine slows less.
        diverged: the loss stopped being finite.
    """

    test_accuracy: float
    val_accuracy: float
    relative_flops: float
    flops: Mapping[str, int]
    dense_flops: int
    noisy_share: float | None
    seconds: float
    cpu_seconds: float
    diverged: bool = False


def run_one(config: TrainConfig, subset: Subset = WHOLE) -> Outcome:
    """Train as a configuration says and read the test set once, at the end.

    A run that diverges keeps the bill and the time of the epochs that it made.
    """
    torch.set_num_threads(config.threads)
    data = load_subset(config.data, subset)
    started = time.process_time()
    run = Run(config, data)
    val_accuracy = test_accuracy = 1 / data.num_classes
    try:
        deque(epochs(run), maxlen=0)
        found = result(run, test=True)
        val_accuracy, test_accuracy = found.val_accuracy, found.test_accuracy or 0.0
        diverged = False
    except DivergedError:
        diverged = True
    dense = dense_flops(config, data)
    return Outcome(
        test_accuracy=test_accuracy,
        val_accuracy=val_accuracy,
        relative_flops=run.ledger.total / dense,
        flops=run.ledger.to_dict(),
        dense_flops=dense,
        noisy_share=_noisy_share(run),
        seconds=run.seconds,
        cpu_seconds=time.process_time() - started,
        diverged=diverged,
    )


def _noisy_share(run: Run) -> float | None:
    """Share of the last coreset whose label is not the clean one."""
    if run.round is None:
        return None
    indices = run.round.coreset.indices.cpu().numpy()
    return float((run.data.train_labels != run.data.clean_train)[indices].mean())


def identity(config: TrainConfig, subset: Subset) -> str:
    """What makes a run the run it is, as one line of JSON."""
    parts = {"config": config.to_dict(), "subset": dataclasses.asdict(subset)}
    return json.dumps(parts, sort_keys=True)


class Results:
    """The outcomes in a file of JSON lines; the file is created with its folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Outcome] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        for line in self._whole_lines():
            entry: dict[str, Any] = json.loads(line)
            parts = {name: entry.pop(name) for name in ("config", "subset")}
            self.known[json.dumps(parts, sort_keys=True)] = Outcome(**entry)

    def _whole_lines(self) -> list[str]:
        """The lines of the file, which loses what a kill left behind the last line's end."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
        return whole.decode().splitlines()

    def add(self, config: TrainConfig, subset: Subset, outcome: Outcome) -> None:
        """Write an outcome down, for good."""
        key = identity(config, subset)
        line = json.dumps({**json.loads(key), **dataclasses.asdict(outcome)}) + "\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.known[key] = outcome


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
    wanted = list(dict.fromkeys(configs))
    missing = [each for each in wanted if identity(each, subset) not in results.known]
    _say(f"{len(wanted)} runs, {len(missing)} of them to make")
    for done, (config, outcome) in enumerate(_outcomes(missing, subset, workers), start=1):
        results.add(config, subset, outcome)
        if done % PROGRESS_EVERY == 0 or done == len(missing):
            _say(f"{done}/{len(missing)}")
    return {each: results.known[identity(each, subset)] for each in wanted}


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
