"""Tests of fronts judged by true means: readings, bills, measures, and who is read again."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from scipy.special import expit

from bench.outside import GRID, Outside
from bench.readings import Cell, Grid, Noise, read
from bench.trust import budgets, interval, replay, summary
from bench.trust_ours import make
from bench.trust_replay import Budget, History, Replay, Shown, Tried, worth
from bench.trust_strategies import EveryFifth, Single
from search.objectives import choose
from search.samplers.problem import Prices, Problem
from search.study.search_space import SearchSpace
from search.study.space import Domain, Range

TWELVE = Budget(12, trainings=12)
AXES = choose("train-flops", worst_score=0.5, least_cost=0.01)


class World:
    """Accuracies that rise with the cost, and two equally likely readings about each."""

    def __init__(self, noise=0.02, warmup=0.0):
        space = SearchSpace((Domain("a", Range(0.0, 1.0, False)), Domain("b", Range(0, 9, True))))
        self.noise, self.warmup = noise, warmup
        self.problem = Problem(space, AXES, 1.0, Prices(self.price))

    def price(self, values):
        return 0.02 + values["b"] / 10

    def cell(self, values, seed):
        truth = 0.6 + values["a"] / 5 + values["b"] / 100
        return Cell(self.price(values), truth + self.noise * np.array([-1, 1]))

    def charge(self, values, warm):
        return self.price(values) - (self.warmup if warm else 0), 1


def random(problem, seed, trials):
    return optuna.samplers.RandomSampler(seed=seed)


def replayed(world, kind=Single, budget=TWELVE, seed=0):
    run = Replay(world, kind(world.problem, random, seed, 50), seed)
    return run, run.run(budget)


def test_a_front_without_noise_is_what_it_seems():
    _, found = replayed(World(noise=0.0))
    assert found["optimism"] == pytest.approx(0)
    assert (found["stay"], found["regret"]) == (1, 0)
    assert found["shown"] == pytest.approx(found["found"]) == pytest.approx(found["known"])


def test_a_front_of_single_readings_is_too_good_to_be_true():
    found = [replayed(World(), budget=Budget(40, trainings=40), seed=seed)[1] for seed in range(5)]
    assert np.mean([each["optimism"] for each in found]) > 0.005
    assert sum(each["shown"] for each in found) > sum(each["found"] for each in found)


def test_every_fifth_training_repeats_the_least_read_member():
    run, _ = replayed(World(), EveryFifth, Budget(40, trainings=40))
    tried = run.history.tried
    again = sum(len(each.scores) - 1 for each in tried if each.scores)
    assert again == 6  # trainings 15, 20, … 40
    costs, scores, counts = (0.1, 0.2, 0.3, 0.4), (0.7, 0.8, 0.9, 0.85), (6, 3, 3, 2)
    known = [
        Tried({}, cost, [score] * count)
        for cost, score, count in zip(costs, scores, counts, strict=True)
    ]
    again = EveryFifth(World().problem, random, 0, 30).next(History(lambda _: 0.0, known))
    assert again == 1  # the last one is not on the front, and the third costs more


def test_no_budget_is_exceeded_and_shared_epochs_are_billed_once_a_seed():
    alone, _ = replayed(World(), budget=Budget(9, cost=3.0))
    shared, _ = replayed(World(warmup=0.01), EveryFifth, Budget(9, trainings=20))
    assert 2 < alone.history.spent <= 3
    whole = sum(each.cost * len(each.scores) for each in shared.history.tried)
    seeds = max(len(each.scores) for each in shared.history.tried)
    assert shared.history.spent == pytest.approx(whole - 0.01 * (20 - seeds))


def test_strategies_of_one_seed_read_the_same():
    cell, values = Cell(1.0, np.linspace(0, 1, 50)), {"a": 1}
    first = [read(cell, values, reading, 3) for reading in range(20)]
    assert first == [read(cell, values, reading, 3) for reading in range(20)]
    assert len(set(first)) > 10


def test_measures_of_a_front_by_hand():
    members = [
        {
            "cost": 0.1,
            "shown": 0.8,
            "interval": (0.77, 0.83),
            "fresh": 0.7,
            "stays": True,
            "nearly": True,
        },
        {
            "cost": 1.0,
            "shown": 0.9,
            "interval": (0.74, 1),
            "fresh": 0.8,
            "stays": False,
            "nearly": False,
        },
    ]
    found = worth(members, [0.7, 0.8, 0.85], [0.1, 1.0, 0.9], AXES)
    assert found["optimism"] == pytest.approx(0.1)
    assert (found["covered"], found["stay"], found["nearly"]) == (0.5, 0.5, 0.5)
    assert found["regret"] == pytest.approx(0.05)
    assert found["found"] == pytest.approx(0.5 * (0.7 - 0.5) / 0.5)  # the other one saves nothing


def test_a_grid_reads_the_recorded_seeds_of_its_row():
    places = np.array(list(np.ndindex(*(len(each) for each in GRID.values()))))
    scores = np.random.default_rng(0).random((len(places), 5))
    world = Grid(Outside("made", places, scores, np.arange(1.0, len(places) + 1)))
    values = dict(zip(GRID, places[4321], strict=True))
    cell = world.cell(values, 0)
    assert cell.truth == pytest.approx(scores[4321].mean())
    assert {read(cell, values, reading, 0) for reading in range(40)} == set(scores[4321])
    assert world.charge(values, 0)[0] == cell.cost == pytest.approx(4322 / 15000.5)


def test_noise_is_that_of_recorded_trainings_of_like_accuracy_and_cost():
    draw = np.random.default_rng(0)
    predicted, spread = np.repeat([1.0, 3.0], 500), np.repeat([0.8, 0.2], 500)
    pairs = predicted[:, None] + spread[:, None] * draw.standard_normal((1000, 2))
    table = SimpleNamespace(
        hits=np.round(10_000 * expit(pairs))[:, :, None],
        sizes=(10_000, 1),
        relative_flops=np.full(1000, 0.1) * 10 ** draw.random(1000),
    )
    noise = Noise.of(table, predicted)
    for middle, expected in ((1.0, 0.8), (3.0, 0.2)):
        found = [noise.outcomes(middle, 0.3, draw) for _ in range(20)]
        assert np.std([each - each.mean() for each in found]) == pytest.approx(expected, rel=0.25)
        assert np.mean(found) == pytest.approx(middle, abs=0.2)


@pytest.mark.parametrize("name", ["random+auto", "random+0"])
def test_our_search_shows_estimates_with_errors(name):
    world = World()
    run = Replay(world, make(name, world.problem, 0, 30, 30), 0)
    found = run.run(Budget(30, cost=15.0))
    assert all(each["interval"][0] < each["shown"] for each in found["members"])
    again = [len(each.scores) for each in run.history.tried if len(each.scores) > 1]
    assert bool(again) is (name == "random+auto")
    assert isinstance(make("ehvi+fifth", world.problem, 0, 30, 30), EveryFifth)


def test_lines_are_summed_up_in_pairs():
    world = World()
    yardstick = replay(world, "random", 0, [Budget(10, trainings=10)])
    again = replay(world, "random", 0, budgets(yardstick, []))
    assert again["budgets"] == yardstick["budgets"]
    lines = {("w", name, seed): yardstick for name in ("ehvi", "other") for seed in (0, 1)}
    rows = summary(lines, "w")
    assert [row["strategy"] for row in rows] == ["ehvi", "other"]
    assert rows[1]["over ehvi"] == (0.0, 0.0)
    assert rows[0]["over ehvi"] is None
    assert interval([1.0, 3.0]) == (2.0, pytest.approx(12.706, abs=1e-3))


def test_shown_members_are_on_the_front_of_the_means():
    problem = World().problem
    tried = [Tried({}, 0.1, [0.6, 0.8]), Tried({}, 0.2, [0.65]), Tried({}, 0.3, [0.9])]
    shown = Single(problem, random, 0, 50).shown(History(lambda _: 0.0, tried))
    assert shown == [Shown(0, pytest.approx(0.7)), Shown(2, 0.9)]
