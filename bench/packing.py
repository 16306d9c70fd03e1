"""Concurrent trials on one device, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

from swast.calibration import now
from swast.config import TrainConfig
from swast.data import ArrayData
from swast.run import Run
from swast.training import epochs, threads

PATIENCE = 900.0
"""Seconds within which all processes must reach the same barrier."""


def trial(config: TrainConfig, data: ArrayData, gate: Barrier) -> None:
    """Train once, starting together with the others after one epoch to warm the device up."""
    with threads(config.threads):
        warm = Run(config.with_values({"epochs": 1, "warmup_epochs": 0}), data)
        list(epochs(warm))
        run = Run(config, data)
        now(run.device)
        gate.wait(PATIENCE)
        list(epochs(run))
        now(run.device)
    gate.wait(PATIENCE)


def trials_an_hour(
    config: TrainConfig, data: ArrayData, at_once: Sequence[int], length: int
) -> dict[int, float]:
    """Return trials an hour, by the number of concurrent trials.

    Trials are short, with one epoch of warm-up and rounds of two epochs. The start of processes is
    not counted: a search's workers train one trial after another.

    Args:
        config: of each trial, apart from its length.
        data: its data set.
        at_once: numbers of processes to try.
        length: epochs of a trial.
    """
    short = config.with_values({"epochs": length, "warmup_epochs": 1, "interval": 2})
    spawn = multiprocessing.get_context("spawn")
    rates = {}
    for count in at_once:
        gate = spawn.Barrier(count + 1)
        workers = [spawn.Process(target=trial, args=(short, data, gate)) for _ in range(count)]
        for worker in workers:
            worker.start()
        gate.wait(PATIENCE)
        started = time.perf_counter()
        gate.wait(PATIENCE)
        rates[count] = count * 3600 / (time.perf_counter() - started)
        for worker in workers:
            worker.join()
    return rates
