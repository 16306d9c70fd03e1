"""Helpers of the trainer's tests: small data, tiny configurations, comparisons of runs."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import math
import random
from collections.abc import Callable, Mapping
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from swast.config import PRUNER_TRAITS, DistributionName, LoadingConfig, TrainConfig
from swast.data import ArrayData, Places
from swast.data import digits as digits_file
from swast.pruning import PRUNERS
from swast.pruning.schedules import SCHEDULES
from swast.result import EpochRecord, TrainResult
from swast.run import Run

# The modules themselves, so that tests can replace their functions.
TRAINING = importlib.import_module("swast.training")
STEPS = importlib.import_module("swast.steps")
epochs, price, train = TRAINING.epochs, TRAINING.price, TRAINING.train

MASKING = [name for name in PRUNERS if not PRUNER_TRAITS[name].changes_shapes]
"""Pruners that mask weights and leave every shape as it is."""

SMALL = ("cnn-small", "mlp-small")
"""Networks that train on a few digits."""

TINY = {
    "device": "cpu",
    "model": "mlp-small",
    "epochs": 6,
    "warmup_epochs": 1,
    "interval": 2,
    "coreset.fraction": 0.3,
    "prune.update_interval": 2,
    "optim.batch_size": 16,
}
"""Rounds start at the epochs 1, 3 and 5, with pruning progress 0, ½ and 1."""


def tiny(values: Mapping[str, object] | None = None, **more: object) -> TrainConfig:
    """Return a configuration that trains in about 50 ms; dotted paths replace its fields."""
    return TrainConfig().with_values({**TINY, **(values or {}), **more})


@functools.cache
def digits() -> ArrayData:
    """Load the digits data, even if a test has replaced them in the registry."""
    return digits_file.load(LoadingConfig(), Places.find())


@functools.cache
def few_digits(train: int = 120, val: int = 40) -> ArrayData:
    """Return the first digits of each part; the class sizes differ."""
    full = digits()
    return dataclasses.replace(
        full,
        train_images=full.train_images[:train],
        train_labels=full.train_labels[:train],
        clean_train=full.clean_train[:train],
        val_images=full.val_images[:val],
        val_labels=full.val_labels[:val],
        test_images=full.test_images[:val],
        test_labels=full.test_labels[:val],
    )


def pruning(method: str, schedule: str = "cubic", distribution: str = "erk") -> dict[str, object]:
    """Return settings of a pruner; a value that it does not allow becomes the first it allows."""
    traits = PRUNER_TRAITS[method]
    values: dict[str, object] = {
        "schedule": schedule,
        "distribution": distribution,
        "sparsity": 0.5 if traits.fixed_ratio else 0.9,
    }
    for name, (allowed, _) in traits.requires.items():
        if values[name] not in allowed:
            values[name] = allowed[0]
    return {"prune.method": method, **{f"prune.{name}": each for name, each in values.items()}}


def combinations() -> list[dict[str, object]]:
    """Return every pruner with every schedule and distribution that it allows."""
    every = [
        pruning(method, schedule, distribution)
        for method in PRUNERS
        for schedule in SCHEDULES
        for distribution in get_args(DistributionName)
    ]
    return [each for place, each in enumerate(every) if each not in every[:place]]


def named(values: Mapping[str, object]) -> str:
    """Return a name for a test's parameter."""
    return "-".join(map(str, values.values()))


def started(config: TrainConfig, *, after: int = 0) -> Run:
    """Return a run on a few digits after some epochs."""
    run = Run(config, few_digits())
    steps = epochs(run)
    for _ in range(after):
        next(steps)
    return run


def restless_mlp(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Build a network with dropout and batch norm."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(32, classes),
    )


def after_each_step(monkeypatch: pytest.MonkeyPatch, look: Callable[[Run], None]) -> None:
    """Call ``look`` with the run after every training step."""
    plain = STEPS.train_step

    def step(run: Run, *rest: object) -> torch.Tensor:
        loss = plain(run, *rest)
        look(run)
        return loss

    monkeypatch.setattr(STEPS, "train_step", step)


def same_bits(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Return whether two sets of named tensors agree to the last bit."""
    return one.keys() == other.keys() and all(
        value.numpy().tobytes() == other[name].numpy().tobytes() for name, value in one.items()
    )


def copied(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copy a network's parameters and buffers."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def global_generators() -> tuple[object, ...]:
    """Return the state of every global random generator on the CPU."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), name, keys.tobytes(), *rest


def untimed(result: TrainResult) -> list[EpochRecord]:
    return [dataclasses.replace(entry, seconds=0) for entry in result.history]


def assert_same_run(one: TrainResult, other: TrainResult) -> None:
    assert same_bits(one.state, other.state)
    assert untimed(one) == untimed(other)
    assert one.flops == other.flops
    assert one.val_loss == other.val_loss
