"""Trainings with other seeds: whose, when, and within which budget."""

from __future__ import annotations

import random

import pytest

from search.loop.limits import Limits
from search.loop.replication import FLOPS_SHARE
from search.trials.repository import SearchTrials
from search.trials.trial_record import front_of
from tests.search.loop.support import ONE_FIELD, Scene
from tests.search.support import UNIT, database

BUDGET = 24


def searched(folder, at_once=1, limits=None, **info):
    """Return the scene of a whole search; scores depend on the cost, and luck."""
    folder.mkdir(exist_ok=True)
    given = {"source": ONE_FIELD, "budget": BUDGET, "sampler": "random"} | info
    scene = Scene(folder, limits=limits, **given)
    chance, running = random.Random(3), []
    while True:
        while len(running) < at_once and (job := scene.session.propose()):
            running.append(job)
        if not running:
            return scene
        job = running.pop(chance.randrange(len(running)))
        relative = price(job.config) / UNIT
        scene.train(job.number, 0.8 + 0.15 * relative + chance.gauss(0, 0.02), relative)


def price(config):
    """Return the cost of a configuration, which falls with its interval."""
    return round(UNIT * (1.02 - config.interval / 1000))


@pytest.mark.parametrize(
    ("replicates", "least", "at_once"), [("auto", 2, 1), ("2", 3, 4), ("0", 1, 1)]
)
def test_the_last_trials_go_to_members_that_lack_readings(tmp_path, replicates, least, at_once):
    scene = searched(tmp_path, at_once, replicates=replicates)
    records = scene.trials.estimated()
    again = [each for each in records if each.repeats is not None]
    members = front_of(records)
    assert len(records) == BUDGET
    assert (replicates == "0") == (not again)
    assert len(again) <= BUDGET // 3
    read = [member.estimate.readings for member in members]
    lacking = sum(count < least for count in read)
    assert lacking <= at_once or len(again) >= BUDGET // 3 - at_once
    seeds = {(each.repeats, each.config.seed) for each in again}
    assert len(seeds) == len(again)
    for each in again:
        first = records[each.repeats]
        assert each.config == first.config.with_values({"seed": each.config.seed})
        assert each.config.seed != first.config.seed
        assert each.params == first.params


def test_short_searches_have_none_unless_they_are_asked_for(tmp_path):
    short = searched(tmp_path / "a", budget=6, replicates="auto")
    asked = searched(tmp_path / "b", budget=6, replicates="1")
    assert not [each for each in short.trials.records() if each.repeats is not None]
    assert [each for each in asked.trials.records() if each.repeats is not None]


def test_a_budget_of_flops_is_kept_and_leaves_room_for_members(tmp_path):
    total = 6 * UNIT
    scene = searched(
        tmp_path, limits=Limits(price=price, total=total), budget=100, replicates="auto"
    )
    records = scene.trials.estimated()
    assert sum(each.cost or 0 for each in records) <= total
    lacking = [member for member in front_of(records) if member.estimate.readings < 2]
    again = sum(each.cost or 0 for each in records if each.repeats is not None)
    left = total - sum(each.cost or 0 for each in records)
    assert again > 0
    assert all(each.cost > left for each in lacking) or again >= total / FLOPS_SHARE


def test_is_proposed_again_after_its_driver_died(tmp_path):
    """With its seed and its configuration, whether it had begun or not."""
    scene = searched(tmp_path, replicates="2")
    first = front_of(scene.trials.estimated())[0]
    asked = scene.trials.ask_again(first.number, first.config, 77)
    loaded = SearchTrials.load(database(tmp_path), "trip")
    (found,) = loaded.orphans()
    assert (found.number, found.repeats, found.config) == (
        asked.number,
        first.number,
        asked.config,
    )
    assert found.config.seed == 77
