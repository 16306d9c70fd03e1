"""Plan: epochs of selection, target sparsities, and steps of mask updates."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from swast import plan
from swast.config import TrainConfig
from swast.pruning.schedules import SCHEDULES


@st.composite
def plans(draw) -> TrainConfig:
    epochs = draw(st.integers(1, 60))
    return TrainConfig().with_values(
        {
            "epochs": epochs,
            "warmup_epochs": draw(st.integers(0, epochs)),
            "interval": draw(st.integers(1, 70)),
            "prune.end": draw(st.floats(0.01, 1)),
            "prune.schedule": draw(st.sampled_from(list(SCHEDULES))),
            "prune.sparsity": draw(st.floats(0, 0.99)),
        }
    )


def rounds(config: TrainConfig) -> list[int]:
    return [epoch for epoch in range(config.epochs) if plan.is_round_start(config, epoch)]


@given(plans())
def test_rounds_start_at_the_end_of_warm_up_and_every_interval_from_there(config):
    assert rounds(config) == list(range(config.warmup_epochs, config.epochs, config.interval))


@given(plans())
def test_the_last_round_prunes_to_exactly_the_target(config):
    assume(rounds(config))
    assert plan.target_sparsity(config, rounds(config)[-1]) == config.prune.sparsity


@given(plans())
def test_sparsity_never_falls_from_round_to_round(config):
    targets = [plan.target_sparsity(config, epoch) for epoch in rounds(config)]
    for before, after in pairwise(targets):
        assert after >= before - 1e-12


@given(plans())
def test_the_target_holds_from_the_end_of_pruning_on(config):
    for epoch in rounds(config):
        if epoch >= plan.prune_end(config):
            assert plan.target_sparsity(config, epoch) == config.prune.sparsity


@given(plans())
def test_without_a_pruner_nothing_is_pruned(config):
    config = config.with_values({"prune.method": "none"})
    assert all(plan.target_sparsity(config, epoch) == 0 for epoch in rounds(config))


def test_sparsity_follows_the_share_of_the_way_to_the_end_of_pruning():
    """K = 10, T = 100, end 0.75: the progress of a round at epoch 36 is 26 / 65 = 0.4."""
    config = TrainConfig().with_values(
        {
            "epochs": 100,
            "warmup_epochs": 10,
            "interval": 26,
            "prune.schedule": "linear",
            "prune.sparsity": 0.8,
        }
    )
    assert plan.prune_end(config) == 75
    assert [plan.target_sparsity(config, epoch) for epoch in (10, 36, 62, 88)] == pytest.approx(
        [0, 0.8 * 26 / 65, 0.8 * 52 / 65, 0.8]
    )


def test_pruning_ends_not_before_the_warm_up():
    config = TrainConfig().with_values({"epochs": 10, "warmup_epochs": 9, "prune.end": 0.5})
    assert plan.prune_end(config) == 9
    assert plan.target_sparsity(config, 9) == config.prune.sparsity


@pytest.mark.parametrize(
    ("fraction", "stated", "steps"),
    [(1, 0, 100), (0.3, 0, 30), (0.05, 0, 10), (0.3, 7, 7)],
)
def test_the_update_interval_shrinks_with_the_coreset_unless_it_is_given(fraction, stated, steps):
    config = TrainConfig().with_values(
        {"coreset.fraction": fraction, "prune.update_interval": stated}
    )
    assert plan.update_interval(config) == steps


def updates(config: TrainConfig, num_train: int) -> list[int]:
    found = []
    for epoch in range(config.epochs):
        found += plan.update_steps(config, num_train, epoch)
    return found


def test_updates_come_every_interval_but_not_at_the_start_nor_from_the_end_on():
    """K = 2, end of pruning at epoch 8; 30 % of 100 in batches of 10: (8 − 2) · 3 steps = 18."""
    config = TrainConfig().with_values(
        {
            "epochs": 10,
            "warmup_epochs": 2,
            "coreset.fraction": 0.3,
            "optim.batch_size": 10,
            "prune.end": 0.8,
            "prune.update_interval": 6,
        }
    )
    assert plan.update_end(config, 100) == 18
    assert updates(config, 100) == [6, 12]
    assert list(plan.update_steps(config, 100, 4)) == [6]


def test_an_update_is_due_at_the_updates_steps_alone():
    for values in ({}, {"prune.start": "init"}, {"prune.update_interval": 7}):
        config = TrainConfig().with_values({"epochs": 12, "coreset.fraction": 0.3} | values)
        for epoch in range(config.epochs):
            due = [step for step in range(400) if plan.is_update(config, 900, epoch, step)]
            assert due == list(plan.update_steps(config, 900, epoch))


def test_pruning_at_initialisation_counts_steps_from_the_first_epoch_on():
    """Two epochs of 10 steps on all data, then 3 steps per epoch: T_end is 20 + 6 · 3 = 38."""
    config = TrainConfig().with_values(
        {
            "epochs": 10,
            "warmup_epochs": 2,
            "interval": 3,
            "coreset.fraction": 0.3,
            "optim.batch_size": 10,
            "prune.start": "init",
            "prune.end": 0.8,
            "prune.update_interval": 7,
        }
    )
    assert updates(config, 100) == [7, 14, 21, 28, 35]
    assert [e for e in range(10) if plan.is_prune_step(config, e)] == [0, 2, 5, 8]
    assert plan.epoch_at(config, 100, 2, 21) == pytest.approx(2 + 1 / 3)
    assert plan.target_sparsity(config, 0) == 0
    assert plan.target_sparsity(config, 4) == pytest.approx(0.9 * (1 - (1 - 4 / 8) ** 3))


@given(st.integers(1, 500), st.integers(1, 600))
def test_an_epochs_batches_are_full_but_the_last_and_none_is_a_single_sample(samples, batch):
    sizes = plan.batch_sizes(samples, batch)
    assert sum(sizes) == samples
    assert len(sizes) == plan.num_steps(samples, batch)
    assert set(sizes[:-1]) <= {batch}
    assert 1 <= sizes[-1] <= batch + 1
    assert sizes[-1] > 1 or samples == 1 or batch == 1


def test_a_dynamic_scorer_draws_every_epoch_and_ends_on_all_data():
    config = TrainConfig().with_values(
        {"epochs": 16, "warmup_epochs": 2, "interval": 4, "coreset.scorer": "infobatch"}
    )
    assert [e for e in range(16) if plan.is_redraw(config, e)] == [
        *(3, 4, 5, 7, 8, 9, 11, 12, 13, 15)
    ]
    sizes = [plan.epoch_samples(config, 1000, epoch) for epoch in range(16)]
    assert sizes == [1000] * 2 + [50] * 12 + [1000] * 2
