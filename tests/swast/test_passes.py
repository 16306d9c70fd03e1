"""Passes through a network, counted by hooks during training, and compared with the forecast."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
import torch

from swast.coresets import SCORERS
from swast.cost import Passes
from swast.pruning import PRUNERS
from swast.run import Run
from tests.swast.support import TRAINING, epochs, few_digits, pruning, tiny


def measured_passes(config) -> tuple[list[Passes], Run]:
    """Return the passes that hooks count by the end of each epoch, and the run."""
    run, seen = Run(config, few_digits()), Passes()

    def hook(module, inputs):
        if module is not run.model or len(inputs[0]) <= 2:  # traces of one image, checks of two
            return
        if not torch.is_grad_enabled():
            seen.forward += len(inputs[0])
        elif module.training:
            seen.steps += 1
            seen.training += len(inputs[0])
        else:
            seen.saliency += len(inputs[0])

    run.model.register_forward_pre_hook(hook)
    return [dataclasses.replace(seen) for _ in epochs(run)], run


def forecast_passes(config) -> list[Passes]:
    return [mark.passes for mark in TRAINING.foresee(config, few_digits()).marks]


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("preserve", [0.0, 0.1])
def test_every_scorers_passes_are_known_epoch_by_epoch(scorer, preserve):
    config = tiny({"coreset.scorer": scorer, "preserve.weight": preserve})
    assert forecast_passes(config) == measured_passes(config)[0]


@pytest.mark.parametrize("method", [name for name in PRUNERS if name != "synflow"])
@pytest.mark.parametrize("start", ["warmup", "init"])
def test_so_are_every_pruners(method, start):
    """synflow passes single images through a copy."""
    config = tiny({"coreset.scorer": "random", "prune.start": start, **pruning(method)})
    assert forecast_passes(config) == measured_passes(config)[0]


def test_synflow_passes_a_hundred_images_at_every_prune_step():
    config = tiny({"coreset.scorer": "random", **pruning("synflow")})
    assert [mark.saliency for mark in forecast_passes(config)] == [0, 100, 100, 200, 200, 300]


@pytest.mark.parametrize(
    "values",
    [
        {"warmup_epochs": 0},
        {"warmup_epochs": 6},
        {"interval": 4},
        {"coreset.fraction": 1.0},
        {"prune.method": "none"},
        {"prune.distribution": "global"},
        {"optim.batch_size": 7},
        {"optim.batch_size": 500},
        {"diagnose.passes": True, "preserve.weight": 0.0},
        {"diagnose.passes": True, "diagnose.test": True, "noise.rate": 0.4},
        {"diagnose.passes": True, "noise.rate": 0.4, "coreset.scorer": "infobatch"},
    ],
    ids=str,
)
def test_and_whatever_else_is_set(values):
    config = tiny({"coreset.scorer": "random", **values})
    assert forecast_passes(config) == measured_passes(config)[0]


def test_marks_hold_the_bill_so_far():
    config = tiny()
    _, run = measured_passes(config)
    marks = TRAINING.foresee(config, few_digits()).marks
    assert [mark.ledger.total for mark in marks] == [record.train_flops for record in run.history]
    assert all(one.ledger.total < other.ledger.total for one, other in pairwise(marks))
