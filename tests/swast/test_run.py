"""Invariants of masks, weights and optimiser, checked after every step of a run."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from swast.config import PRUNER_TRAITS, ScopeName
from swast.run import Run
from tests.swast.support import (
    MASKING,
    STEPS,
    TRAINING,
    after_each_step,
    combinations,
    copied,
    epochs,
    few_digits,
    named,
    pruning,
    same_bits,
    started,
    tiny,
)

EXACT = [name for name in MASKING if not PRUNER_TRAITS[name].fixed_ratio]
"""Pruners that bring all layers together to exactly the target."""

AT_HALF = {
    "one-shot": lambda p: p,
    "linear": lambda p: p / 2,
    "cubic": lambda p: p * 7 / 8,
    "cosine": lambda p: p / 2,
    "exponential": lambda p: 1 - math.sqrt(1 - p),
}
"""Sparsity at half of the progress to the target p, by hand."""


def assert_dead_at_zero(run: Run) -> None:
    for name, weight in run.masks.weights.items():
        dead = ~run.masks.alive(name)
        assert not weight[dead].any(), f"weights of {name}"
        assert not weight.grad[dead].any(), f"gradients of {name}"
        for kind, state in run.optimizer.state[weight].items():
            if state is not None and state.shape == weight.shape:
                assert not state[dead].any(), f"{kind} of {name}"


def living(run: Run) -> int:
    return sum(int(run.masks.alive(name).sum()) for name in run.masks.weights)


def left(weights: int, sparsity: float) -> int:
    return weights - math.floor(sparsity * weights + 0.5)


@pytest.mark.parametrize(
    "values",
    [each for each in combinations() if each["prune.method"] in EXACT],
    ids=named,
)
@pytest.mark.parametrize("scope", get_args(ScopeName))
@pytest.mark.usefixtures("short_synflow")
def test_counts_are_exact_and_the_dead_stay_at_zero_at_every_step(monkeypatch, values, scope):
    """granet also prunes between rounds, so its counts are between those of its rounds."""
    config = tiny(
        {
            "model": "cnn-small",
            "coreset.scorer": "random",
            "prune.scope": scope,
            "prune.update_fraction": 0.6,
            **values,
        }
    )
    run = Run(config, few_digits(60, 20))
    schedule, on_line = values["prune.schedule"], values["prune.method"] == "granet"
    weights = 25_056 if scope == "fc" else 29_808
    begun = 0.9 if schedule == "one-shot" else 0.0
    by_epoch = [0, begun, begun, AT_HALF[schedule](0.9), AT_HALF[schedule](0.9), 0.9]
    assert run.masks.num_weights == weights

    def look(run: Run) -> None:
        assert_dead_at_zero(run)
        assert living(run) <= left(weights, by_epoch[run.epoch])
        assert living(run) >= left(weights, 0.9 if on_line else by_epoch[run.epoch])
        assert sum(run.masks.survivors().values()) == living(run)

    after_each_step(monkeypatch, look)
    for entry, sparsity in zip(epochs(run), by_epoch, strict=True):
        assert on_line or entry.sparsity == 1 - left(weights, sparsity) / weights
    zeros = sum(int((weight == 0).sum()) for weight in run.masks.weights.values())
    assert zeros >= weights - left(weights, 0.9) == math.floor(0.9 * weights + 0.5)


@pytest.mark.parametrize("pruner", MASKING)
@pytest.mark.parametrize("clip_norm", [0.0, 0.05])
def test_the_dead_stay_at_zero_under_adamw_and_clipping(monkeypatch, pruner, clip_norm):
    config = tiny(
        {
            "model": "cnn-small",
            **pruning(pruner),
            "prune.update_fraction": 0.6,
            "optim.name": "adamw",
            "optim.lr": 0.01,
            "optim.weight_decay": 1.0,
            "optim.clip_norm": clip_norm,
        }
    )
    kinds = set()

    def look(run: Run) -> None:
        assert_dead_at_zero(run)
        for weight in run.masks.weights.values():
            kinds.update(run.optimizer.state[weight])

    after_each_step(monkeypatch, look)
    run = started(config, after=6)
    assert kinds == {"step", "exp_avg", "exp_avg_sq"}
    assert not run.masks.is_dense()


def test_rigl_moves_masks_between_rounds_at_constant_counts_a_layer(monkeypatch):
    run = started(tiny({"prune.schedule": "one-shot", "prune.update_fraction": 0.6}), after=1)
    seen = []
    after_each_step(
        monkeypatch,
        lambda run: seen.append({name: run.masks.alive(name).clone() for name in "135"}),
    )
    next(epochs(run))
    next(epochs(run))
    counts = {tuple(int(masks[name].sum()) for name in "135") for masks in seen}
    assert len(counts) == 1
    assert any(not torch.equal(seen[0][name], seen[-1][name]) for name in "135")


def test_a_rigl_update_takes_the_place_of_the_optimiser_step(monkeypatch):
    """Steps 2, 4 … are updates: only masks and the values of dropped weights may change."""
    run = started(tiny({"prune.schedule": "one-shot", "optim.batch_size": 8}), after=1)
    updates = []
    plain = STEPS.train_step

    def step(run, *rest):
        due = run.step in (2, 4, 6, 8)
        before, alive = copied(run.model), {n: run.masks.alive(n).clone() for n in "135"}
        loss = plain(run, *rest)
        after = copied(run.model)
        if due:
            for name in "135":
                kept = alive[name] & run.masks.alive(name)
                layer = f"{name}.weight"
                assert torch.equal(after[layer], before[layer] * kept)
                assert torch.equal(after[f"{name}.bias"], before[f"{name}.bias"])
        else:
            assert all(torch.equal(run.masks.alive(name), alive[name]) for name in "135")
            assert not torch.equal(after["5.bias"], before["5.bias"])
        updates.append(due)
        return loss

    monkeypatch.setattr(STEPS, "train_step", step)
    next(epochs(run))
    next(epochs(run))
    assert sum(updates) == 4
    assert len(updates) == 10


def test_momentum_of_living_weights_survives_a_prune_step(monkeypatch):
    run = started(tiny({"prune.method": "magnitude", "prune.schedule": "one-shot"}), after=1)
    before = {n: run.optimizer.state[w]["momentum_buffer"].clone() for n, w in weights_of(run)}
    TRAINING.prune(run)
    assert living(run) == left(50_432, 0.9)
    for name, weight in weights_of(run):
        held = run.optimizer.state[weight]["momentum_buffer"]
        assert torch.equal(held, before[name] * run.masks.alive(name))


def weights_of(run: Run):
    return run.masks.weights.items()


def test_without_a_pruner_every_weight_lives():
    run = started(tiny({"prune.method": "none"}), after=6)
    assert run.masks.is_dense()
    assert {entry.sparsity for entry in run.history} == {0.0}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_decay_acts_on_weights_and_not_on_biases(momentum):
    """The first step of Nesterov's method: w ← w − lr·(1 + m)·(g + decay·w)."""
    config = tiny({"optim.weight_decay": 0.5, "optim.momentum": momentum, "optim.lr": 0.1})
    run = started(config)
    before = copied(run.model)
    places, images = next(STEPS.begin_epoch(run))
    STEPS.train_step(run, places, images)
    for name, parameter in run.model.named_parameters():
        decay = 0.5 * before[name] if name.endswith("weight") else 0
        moved = before[name] - 0.1 * (1 + momentum) * (parameter.grad + decay)
        torch.testing.assert_close(parameter.detach(), moved)


def test_all_state_goes_into_a_fresh_run_and_comes_out_the_same():
    run = started(tiny(), after=4)
    other = started(tiny())
    other.load_state_dict(run.state_dict())
    assert same_bits(copied(other.model), copied(run.model))
    one, two = run.state_dict(), other.state_dict()
    for part in ("config", "epoch", "step", "ledger", "history"):
        assert one[part] == two[part]
    assert same_bits(one["masks"], two["masks"])
    for name, value in one["round"].items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(two["round"][name]))
    assert repr(one["optimizer"]) == repr(two["optimizer"])
