"""Record learning curves of random configurations of a study, to replay searches over them.

    python -m bench.record --out FILE.jsonl [--study digits] [--count 1000] [--seeds 2]
        [--workers 1]

The studies are those in ``bench/tables``. All trainings of one have the same number of epochs.

Every line of the file is one training: its configuration's place in the draw, its seed, the
number of validation samples classified correctly after each epoch, its FLOPs up to each epoch, and
the number of test samples classified correctly at the end. A training that diverged counts as
guessing from then on. Trainings in the file are not run again, so an interrupted recording
resumes. `bench.curves` packs the lines and reads them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from search.samplers.parameters import sample
from search.study.study_file import Study, find_study
from swast import TrainConfig
from swast.data import load_data
from swast.errors import DivergedError
from swast.forecast import dense_flops
from swast.run import Run
from swast.training import epochs, foresee, result
from swast.warmups import Warmups

DRAW_SEED = 0
TABLES = Path(__file__).parent / "tables"
"""Folder of the studies whose curves are recorded, and of their tables."""
AHEAD = 4
"""Trainings submitted ahead for each worker."""


def recorded_study(name: str) -> Study:
    """Return a study of recorded curves."""
    return find_study(str(TABLES / f"{name}.toml"))


def drawn(study: str, count: int) -> list[TrainConfig]:
    """Return the first configurations of a recording's draw."""
    found = recorded_study(study)
    return [found.configure(each) for each in sample(found.space, count, DRAW_SEED)]


def training(place: int, config: TrainConfig, warmups: Path) -> dict[str, Any]:
    """Train a configuration from a shared warm-up, and return its line."""
    data = load_data(config.data, config.loading)
    run = Run(config, data)
    guessed = 1 / data.num_classes
    try:
        deque(epochs(run, Warmups(warmups, run.clean_data)), maxlen=0)
        tested = result(run, test=True).test_accuracy or 0.0
    except DivergedError:
        tested = guessed
    accuracies = [epoch.val_accuracy for epoch in run.history]
    accuracies += [guessed] * (config.epochs - len(accuracies))
    bill = [mark.ledger.total for mark in foresee(config, data).marks]
    return {
        "config": place,
        "seed": config.seed,
        "hits": [round(each * len(data.val_labels)) for each in accuracies],
        "flops": bill,
        "test_hits": round(tested * len(data.test_labels)),
        "relative_flops": bill[-1] / dense_flops(config, data),
    }


def missing(options: argparse.Namespace) -> Iterator[tuple[int, TrainConfig]]:
    """Yield the trainings that the file lacks, all seeds of a configuration together."""
    done = set()
    if options.out.exists():
        lines = map(json.loads, options.out.read_text().splitlines())
        done = {(line["config"], line["seed"]) for line in lines}
    for place, config in enumerate(drawn(options.study, options.count)):
        for seed in range(options.seeds):
            if (place, seed) not in done:
                yield place, replace(config, seed=seed)


def mend(path: Path) -> None:
    """Cut off a last line that an interrupted recording left unfinished."""
    if path.exists():
        text = path.read_bytes()
        path.write_bytes(text[: text.rfind(b"\n") + 1])


def main() -> None:
    """Record the missing trainings."""
    parser = argparse.ArgumentParser(description="record learning curves")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--study", default="digits")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    mend(options.out)
    left = missing(options)
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as warmups,
        ProcessPoolExecutor(options.workers, spawn) as pool,
        options.out.open("a") as file,
    ):

        def begin(count: int) -> set[Future[dict[str, Any]]]:
            return {pool.submit(training, *each, Path(warmups)) for each in islice(left, count)}

        waiting = begin(AHEAD * options.workers)
        while waiting:
            ended = next(as_completed(waiting))
            waiting = (waiting - {ended}) | begin(1)
            file.write(json.dumps(ended.result()) + "\n")
            file.flush()
            os.fsync(file.fileno())


if __name__ == "__main__":
    main()
