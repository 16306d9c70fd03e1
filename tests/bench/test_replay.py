"""Tests of replayed searches: FLOPs counted once, simulated time, the same search by seed."""

from __future__ import annotations

import json

import numpy as np
import optuna
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.curves import Encoding, Table, pack
from bench.record import drawn, recorded_study, training
from bench.replay import Clock, Finish, Gains, Replay, Training
from bench.strategies import Halved, Sampled, ranked
from search.objectives import STANDARD, choose
from search.pareto import hypervolume
from swast.environment import environment

EPOCHS = 30
AXES = choose("train-flops", worst_score=0.5, least_cost=0.01)


class World:
    """Stub world of trainings with simple FLOPs and accuracies."""

    def __init__(self):
        self.trained = []

    def price(self, config):
        return self.training(config).flops.sum()

    def training(self, config):
        flops = np.full(EPOCHS, 100 * config.coreset.fraction)
        flops[: config.warmup_epochs] = 100
        return Training(
            np.full(EPOCHS, 1 - config.prune.sparsity / 2), flops, config.warmup_epochs, 3000
        )

    def train(self, config, draw):
        self.trained.append(config)
        return self.training(config)


def sampled(seed=0, **more):
    return Sampled("digits", optuna.samplers.RandomSampler(seed=seed), **more)


def test_a_search_costs_what_its_trials_cost_and_finds_what_they_found():
    world = World()
    clock = Clock(world, sampled(), workers=1, seed=0)
    replay = clock.run(np.inf, 12)
    trainings = [world.training(config) for config in world.trained[:12]]
    assert (len(replay.finishes), replay.stopped) == (12, 0)
    gains = Gains.of(replay.finishes, AXES)
    assert gains.spent == pytest.approx(np.cumsum([each.flops.sum() for each in trainings]))
    assert gains.spent[-1] == replay.spent
    points = [(each.accuracy[-1], each.relative_flops) for each in trainings]
    assert gains.found[-1] == hypervolume(*zip(*points, strict=True), AXES)
    assert gains.found.tolist() == sorted(gains.found)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), min_size=1, max_size=12))
def test_trials_that_advance_nothing_do_not_matter(places):
    """This holds for all axes, so a replay's line only has the trials that advance."""
    finishes = [Finish(float(n), a / 5, 10.0 ** (-c / 2)) for n, (a, c) in enumerate(places)]
    replay = Replay(finishes)
    for axes in (AXES, STANDARD):
        whole, few = Gains.of(finishes, axes), Gains.of(replay.advances(), axes)
        for spent in range(len(places)):
            assert few.at(spent) == pytest.approx(whole.at(spent))
        for goal in (*whole.found, 0.5 * whole.found[-1]):
            assert few.cost_of(goal - 1e-9) == whole.cost_of(goal - 1e-9)


def test_a_goal_that_is_not_reached_costs_more_than_anything():
    gains = Gains.of([Finish(3.0, 0.5, 0.1)], STANDARD)
    assert gains.cost_of(1.0) == np.inf
    assert (gains.at(2.9), gains.cost_of(gains.at(3.0))) == (0.0, 3.0)


@pytest.mark.parametrize("workers", [1, 3])
def test_shared_warm_ups_cost_their_longest_alone(workers):
    world = World()
    replay = Clock(world, sampled(shares_warmups=True), workers, seed=0).run(np.inf, 12)
    longest = 100 * max(config.warmup_epochs for config in world.trained)
    if workers == 1:
        after = [100 * c.coreset.fraction * (EPOCHS - c.warmup_epochs) for c in world.trained[:12]]
        assert replay.spent == pytest.approx(longest + sum(after))
    alone = Clock(World(), sampled(), workers, seed=0).run(np.inf, 12)
    assert replay.spent < alone.spent


def test_workers_train_side_by_side():
    """Four workers take about a quarter of the time of one."""
    times = {}
    for workers in (1, 4):
        clock = Clock(World(), sampled(), workers, seed=0)
        clock.run(np.inf, 40)
        times[workers] = clock._now
    assert 3 < times[1] / times[4] < 5


def test_the_same_seed_is_the_same_search_and_another_is_another():
    found = [Clock(World(), sampled(seed), 4, seed).run(np.inf, 20) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_a_trial_that_halving_stops_is_billed_as_far_as_it_came():
    world = World()
    strategy = Halved(
        "digits", optuna.samplers.RandomSampler(seed=0), world.price, shares_warmups=False
    )
    replay = Clock(world, strategy, 1, seed=0).run(np.inf, 30)
    assert replay.stopped > len(replay.finishes) > 0
    whole = sum(world.price(config) for config in world.trained[:30])
    rungs = sum(world.training(config).flops[:3].sum() for config in world.trained[:30])
    assert rungs < replay.spent < whole


def test_sorted_places_are_made_ranks():
    order = np.array([2, 0, 3, 1])  # the best is at place 2
    assert ranked(order).tolist() == [1, 3, 0, 2]


def test_a_table_holds_the_configurations_that_were_recorded_with_every_seed(tmp_path):
    lines = [
        {
            "config": place,
            "seed": seed,
            "hits": list(range(place, place + EPOCHS)),
            "flops": list(range(1, EPOCHS + 1)),
            "test_hits": 7,
            "relative_flops": 0.5,
        }
        for place, seed in [(0, 0), (0, 1), (1, 0), (2, 1), (2, 0)]
    ]
    recorded = tmp_path / "lines"
    recorded.write_text("".join(json.dumps(line) + "\n" for line in lines))
    pack(recorded, "digits", tmp_path / "digits.npz")
    table = Table.load("digits", tmp_path)
    configs = drawn("digits", 3)
    assert table.configs == [configs[0], configs[2]]
    assert table.hits[:, 0, 0].tolist() == [0, 2]
    assert table.sizes == (288, 360)


def test_a_recorded_training_comes_out_again_as_it_is_in_the_table(tmp_path):
    """Match every digit on the recording machine; elsewhere the FLOPs, and accuracy within noise.

    Two seeds of one configuration end at most 12 validation images apart in nine of ten.
    """
    table = Table.load("digits")
    place = int(np.argmin(table.flops[:, -1]))
    again = training(place, table.configs[place], tmp_path)
    assert again["flops"] == table.flops[place].tolist()
    assert again["relative_flops"] == table.relative_flops[place]
    recorded = table.hits[place, 0]
    here = environment(torch.device("cpu"))
    same = all(here[name] == table.environment[name] for name in ("torch", "processor", "vectors"))
    assert np.abs(again["hits"][-1] - recorded[-1]) <= (0 if same else 12)
    assert again["hits"] == recorded.tolist() or not same


def test_configurations_become_points_of_the_unit_cube():
    encode = Encoding(recorded_study("digits"))
    points = np.stack([encode(config) for config in drawn("digits", 50)])
    assert points.shape == (50, 2 + 4 + 1 + 2 + 5 + 1 + 2 + 2)
    assert points.min() >= 0
    assert points.max() <= 1
    assert len(np.unique(points, axis=0)) == 50
