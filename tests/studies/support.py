"""Helpers that the tests of the studies share."""

from __future__ import annotations

import time
from collections import deque

import torch

from studies.outcomes import Outcome
from studies.results import guessing
from studies.subsets import WHOLE, Subset, take
from swast.config import TrainConfig
from swast.data import load_data
from swast.errors import DivergedError
from swast.forecast import dense_flops
from swast.run import Run
from swast.training import epochs, result

QUICK = {
    "device": "cpu",
    "model": "mlp-small",
    "epochs": 2,
    "warmup_epochs": 1,
    "interval": 1,
    "coreset.scorer": "random",
}


def quick(**more: object) -> TrainConfig:
    """Return a configuration that trains in a moment."""
    return TrainConfig().with_values({**QUICK, **more})


def run_one(config: TrainConfig, subset: Subset = WHOLE) -> Outcome:
    """Train a configuration, and read the test set once, at the end.

    A run that diverges keeps the FLOPs and the time of its finished epochs.
    """
    torch.set_num_threads(config.threads)
    data = take(load_data(config.data), subset)
    started = time.process_time()
    run = Run(config, data)
    dense = dense_flops(config, data)
    try:
        deque(epochs(run), maxlen=0)
        made = result(run, test=True).to_dict()
    except DivergedError:
        return guessing(config, data, run.ledger.to_dict(), run.history)
    return Outcome.of(made, dense, time.process_time() - started)
