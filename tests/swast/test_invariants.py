"""Invariants of every run, for any configuration, tested with hypothesis."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from swast.config import TrainConfig
from swast.coresets import SCORERS
from swast.pruning.distributions import num_survivors
from swast.run import Run
from tests.swast.support import (
    STEPS,
    combinations,
    copied,
    epochs,
    few_digits,
    price,
    same_bits,
    tiny,
)

SAMPLES = (60, 20)
searched = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def configs(draw: st.DrawFn) -> TrainConfig:
    """Draw any pruner with a valid schedule and distribution, and other settings at random."""
    epochs = draw(st.integers(2, 6))
    return tiny(
        draw(st.sampled_from(combinations())),
        **{
            "epochs": epochs,
            "warmup_epochs": draw(st.integers(0, epochs - 1)),
            "interval": draw(st.integers(1, 3)),
            "seed": draw(st.integers(0, 9)),
            "coreset.scorer": draw(st.sampled_from(list(SCORERS))),
            "coreset.fraction": draw(st.sampled_from([0.3, 0.6, 1.0])),
            "prune.start": draw(st.sampled_from(["warmup", "init"])),
            "prune.scope": draw(st.sampled_from(["fc", "all"])),
            "preserve.weight": draw(st.sampled_from([0, 0.1])),
            "optim.name": draw(st.sampled_from(["sgd", "adamw"])),
            "optim.clip_norm": draw(st.sampled_from([0, 0.5])),
            "optim.batch_size": draw(st.sampled_from([7, 16])),
            "noise.rate": draw(st.sampled_from([0, 0.2])),
        },
    )


def finished(config: TrainConfig) -> Run:
    """Return a run after all its epochs."""
    run = Run(config, few_digits(*SAMPLES))
    for _ in epochs(run):
        pass
    return run


def assert_dead_at_zero(run: Run) -> None:
    """Assert that masked weights, their gradients and optimiser state are exactly 0."""
    for name, weight in run.masks.weights.items():
        dead = ~run.masks.alive(name)
        held = [value for value in run.optimizer.state[weight].values() if value.dim()]
        for tensor in (weight, weight.grad, *held):
            assert not tensor[dead].any(), name


@searched
@given(config=configs())
def test_the_dead_are_at_zero_after_every_step(monkeypatch, config):
    plain = STEPS.train_step

    def step(run: Run, *rest: object) -> torch.Tensor:
        loss = plain(run, *rest)
        assert_dead_at_zero(run)
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(STEPS, "train_step", step)
        run = finished(config)
    traits = config.prune.traits
    if not traits.fixed_ratio and not traits.changes_shapes:
        living = sum(int(run.masks.alive(name).sum()) for name in run.masks.weights)
        assert living == num_survivors(run.num_weights, config.prune.sparsity)


@searched
@given(config=configs(), data=st.data())
def test_a_run_stopped_after_any_epoch_goes_on_to_the_same_bits(config, data):
    whole, half = finished(config), Run(config, few_digits(*SAMPLES))
    steps = epochs(half)
    for _ in range(data.draw(st.integers(1, config.epochs), label="stop")):
        next(steps)
    again = Run(config, few_digits(*SAMPLES))
    again.load_state_dict(half.state_dict())
    for _ in epochs(again):
        pass
    assert same_bits(copied(again.model), copied(whole.model))
    assert again.ledger == whole.ledger
    assert again.rounds == whole.rounds


@searched
@given(config=configs())
def test_the_seed_decides_everything(config):
    one, two = finished(config), finished(config)
    other = finished(config.with_values({"seed": config.seed + 1}))
    assert same_bits(copied(one.model), copied(two.model))
    assert not same_bits(copied(one.model), copied(other.model))


@searched
@given(config=configs())
def test_the_bill_is_known_before(config):
    """Except for global thresholds, whose split over the layers depends on trained weights."""
    assume(config.prune.distribution != "global")
    assert price(config, few_digits(*SAMPLES)) == finished(config).ledger
