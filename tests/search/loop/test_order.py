"""Tests of repeatable searches: the same trials whatever the timing, and after killed drivers."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import replace

import optuna
import pytest

from search.engine.jobs import Report
from search.loop.halving import Halving
from search.loop.limits import Limits, Stopping
from search.loop.order import Order
from search.samplers.problem import Prices
from search.samplers.registry import SAMPLERS
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from search.trials.totals import spent
from tests.search.loop.support import Scene
from tests.search.support import BARE, TINY, UNIT, epoch, record, result, search_info

BUDGET = 12
LAG = 3


def score_of(config):
    """Return the accuracy that a configuration always has: 0.3 to 0.9."""
    return 0.3 + 0.6 * (zlib.crc32(config.to_toml().encode()) % 1000) / 1000


def price_of(config):
    """Return the cost of a configuration: its coreset's share."""
    return round(UNIT * config.coreset.fraction)


class Memory(optuna.storages.InMemoryStorage):
    """Storage in memory whose facts become JSON, as in a database."""

    def set_trial_user_attr(self, trial_id, key, value):
        """Store a fact."""
        super().set_trial_user_attr(trial_id, key, json.loads(json.dumps(value)))


class Engine:
    """Stands in for Ray: workers whose trials take random times; the driver may be killed.

    Args:
        folder: for the files of the search.
        chance: decides what happens next.
        workers: trials at a time.
        info: facts of the search.
        limits: returns the limits of a driver.
        shares: whether trials share warm-ups, so that others pay a random part of their bills.
    """

    def __init__(self, folder, chance, workers=LAG, limits=Limits, shares=False, **info):
        self.chance, self.folder, self.workers, self.limits = chance, folder, workers, limits
        self.shares = shares
        given = {"budget": BUDGET, "lag": LAG, "source": TINY} | info
        self.info = search_info(**given)
        self.optuna = optuna.create_study(storage=Memory(), directions=["maximize", "minimize"])
        SearchTrials(self.info, self.optuna, 0).enqueue_references()
        self.drive()

    def drive(self):
        """Start a driver, the first one or another."""
        trials = SearchTrials(self.info, self.optuna, self.chance.randrange(1000))
        trials.know_prices(Prices(lambda values: values["coreset.fraction"]))
        self.scene = Scene(self.folder, trials, self.limits(price_of))
        self.running = {}

    def run(self, kills=0):
        """Run the search to its end; return its trials."""
        left = [self.chance.randrange(4 * BUDGET) for _ in range(kills)]
        for moment in range(100 * BUDGET):
            session = self.scene.session
            if moment in left:
                self.kill()
            elif self.running and (
                len(self.running) == self.workers or self.chance.random() < 0.5
            ):
                self.step(self.chance.choice(list(self.running)))
            elif (job := session.propose()) is not None:
                self.running[job.number] = [job.config, 0]
            elif session.over:
                break
        assert session.over
        return self.scene.trials.records()

    def step(self, number):
        """Train an epoch of a trial; end it if that was the last one, or a rung stops it."""
        config, made = self.running[number]
        self.running[number][1] = made = made + 1
        score = score_of(config)
        shared = self.chance.choice([0, price_of(config) // 2]) if self.shares else 0
        bill = {"warmup": price_of(config) * made // 4}
        session = self.scene.session
        if not session.on_report(number, Report([epoch(made, score)], bill, shared)):
            del self.running[number]
            session.on_end(number, None)
        elif made == 4:
            del self.running[number]
            ended = replace(result(score), train_flops=price_of(config), flops=bill)
            session.on_end(number, ended)

    def kill(self):
        """Kill the driver, at any place of a proposal, and start another one."""
        trials, chance = self.scene.trials, self.chance
        started = sum(not each.rejected for each in trials.records())
        if started < BUDGET and not self.scene.session._order.waits():
            at = chance.choice(["between", "created", "drawn in part", "drawn"])
            if at == "created":
                self.optuna.ask()
            elif at != "between":
                trials.ask()
            if at == "drawn in part":
                trial = self.optuna.trials[-1]
                stored = self.optuna._storage._get_trial(trial._trial_id)
                stored.user_attrs.pop("config")
                for name in list(stored.params)[1:]:
                    del stored.params[name], stored.distributions[name]
        self.drive()


def story_of(trials):
    """Return what must be the same of a search's trials."""
    return [
        (each.number, each.state, each.config, each.score, each.rungs, each.reason)
        for each in trials
    ]


def stories(folder, sampler, count, kills=0, **info):
    """Return the stories of searches with different timings."""
    return [
        story_of(Engine(folder, random.Random(at), sampler=sampler, **info).run(kills * at))
        for at in range(count)
    ]


SLOW = ("gp",)
"""Samplers that take a second for a proposal."""


@pytest.mark.parametrize(
    "sampler",
    [pytest.param(each, marks=[pytest.mark.long] * (each in SLOW)) for each in SAMPLERS],
)
def test_trials_are_the_same_whatever_the_timing_and_after_kills(tmp_path, sampler):
    budget = 8 if sampler == "ehvi" else BUDGET
    first, *others = stories(tmp_path, sampler, 3, kills=2, budget=budget)
    assert len(first) >= budget
    assert others == [first, first]


def test_the_same_timings_give_other_trials_in_a_search_that_is_not_repeatable(tmp_path):
    one, other = stories(tmp_path, "tpe", 2, lag=None)
    assert one != other


def test_fewer_workers_than_the_search_began_with_train_the_same_trials(tmp_path):
    one, other = (
        story_of(Engine(tmp_path, random.Random(0), workers).run()) for workers in (1, LAG)
    )
    assert one == other


def test_rejected_repetitions_are_the_same(tmp_path):
    """Proposals soon repeat, are drawn at random after five repetitions, and are then trained."""
    source = "[space]\ninterval = [1, 2, 3]"
    first, *others = stories(tmp_path, "tpe", 4, kills=4, source=source, budget=8)
    repeated = [reason for *_, reason in first if reason is not None]
    assert len(repeated) > 5
    assert set(repeated) <= {f"the same configuration as #{number}" for number in range(30)}
    assert others == [first] * 3


def test_rungs_stop_the_same_trials(tmp_path):
    """A trial is compared with those alone that its proposal could see."""

    def limits(price):
        return Limits(price, stopping=Stopping(Halving(1, 2)))

    first, *others = stories(tmp_path, "random", 4, kills=2, source=BARE, limits=limits)
    stopped = [each for each in first if each[1] == "pruned"]
    assert 3 <= len(stopped) < BUDGET
    assert others == [first] * 3


def test_a_budget_of_flops_starts_the_same_trials_whoever_trains_shared_warmups(tmp_path):
    def limits(price):
        return Limits(price, total=1.2 * UNIT)

    engines = [
        Engine(tmp_path, random.Random(at), source=BARE, limits=limits, shares=True)
        for at in range(4)
    ]
    first, *others = [each.run(at) for at, each in enumerate(engines)]
    assert others[-1][-1].reason.endswith("left of the budget")
    assert len(first) < BUDGET
    assert len({spent(each) for each in (first, *others)}) > 1
    assert [story_of(each) for each in others] == [story_of(first)] * 3


class TestOrder:
    def order(self, *states, lag=2, **more):
        trials = [record(number, state=state) for number, state in enumerate(states)]
        return Order(SearchState([replace(each, **more) for each in trials]), lag)

    @pytest.mark.parametrize(
        ("states", "lag", "waits"),
        [
            ("", 2, False),
            ("r", 2, False),
            ("rr", 2, True),
            ("cr", 2, False),
            ("rc", 2, True),
            ("fr", 2, False),
            ("pr", 2, True),
            ("rrr", 4, False),
            ("rccc", 4, True),
            ("c", 1, False),
            ("r", 1, True),
            ("rrrr", None, False),
        ],
    )
    def test_waits_for_all_but_the_last_trials_before(self, states, lag, waits):
        names = {"r": "running", "c": "complete", "f": "failed", "p": "paused"}
        assert self.order(*(names[each] for each in states), lag=lag).waits() == waits

    def test_does_not_count_rejected_proposals_as_trials_at_a_time(self):
        trials = [record(0, state="running"), record(1, state="failed", rejected=True)]
        assert not Order(SearchState(trials), 2).waits()

    def test_shows_the_trials_before_and_the_last_of_them_as_running(self):
        trials = [record(number, 0.5 + number / 10, retries=1) for number in range(5)]
        seen = Order(SearchState(trials), 3).seen(4)
        assert list(seen) == [0, 1, 2, 3]
        assert [each.state for each in seen.trials] == ["complete"] * 2 + ["running"] * 2
        assert (seen[2].score, seen[2].bill, seen[2].retries) == (None, {}, 0)
        assert seen[1] == trials[1]

    def test_of_other_searches_shows_all_there_is(self):
        state = SearchState([record(0), record(1)])
        assert Order(state, None).seen(1) is state
        assert Order(state, None).sees(0)(1)
