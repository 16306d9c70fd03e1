"""A search in progress: real trials in a real database, and listeners that note what they hear."""

from __future__ import annotations

import dataclasses
import math

import optuna
import pytest
from optuna.trial import TrialState

from search.halving import Halving
from search.records import front_of, stopped
from search.rules import Limit, Stopping
from search.session import MOST_REJECTED, MOST_REPEATS, Session
from search.trials import SearchTrials, describe_search
from tests.search.support import (
    BARE,
    TINY,
    Listener,
    database,
    epoch,
    new_search,
    record,
    renumbered,
    result,
    search_info,
    status,
)

ONE_FIELD = "[space]\ninterval = { low = 1, high = 1000 }"


class Scene:
    """A session, and what was heard of it."""

    def __init__(self, folder, trials=None, limit=None, stopping=None, **info):
        self.folder = folder
        self.trials = trials or new_search(folder, **info)
        self.trials.info = dataclasses.replace(self.trials.info, run_id="parent")
        self.tracker, self.display = Listener(), Listener()
        self.session = Session(
            self.trials,
            self.tracker,
            self.display,
            folder / "files",
            limit=limit,
            stopping=stopping,
        )

    def again(self, **more):
        """Another driver's session on the same search."""
        return Scene(self.folder, SearchTrials.load(database(self.folder), "trip"), **more)

    def frozen(self, number):
        """A trial as Optuna has it."""
        return optuna.load_study(study_name="trip", storage=database(self.folder)).trials[number]

    def train(self, number, accuracy=0.9, relative=0.1):
        """Report all epochs of a trial and its end."""
        for made in range(1, 5):
            self.session.on_epoch(number, epoch(made, accuracy), {"warmup": made})
        self.session.on_end(number, result(accuracy, relative), None)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


class TestATrial:
    def test_starts_with_a_run_that_is_kept_with_it(self, scene):
        proposal = scene.session.propose()
        assert scene.tracker.told("start") == [proposal.number]
        assert scene.frozen(0).user_attrs["run_id"] == "run-trip-0"
        (shown,) = scene.session.status.trials
        assert (shown.state, shown.run_id, shown.reference) == ("running", "run-trip-0", "small")
        assert scene.display.told("status")[-1].count("running") == 1

    def test_logs_every_epoch_as_it_is_made(self, scene):
        scene.session.propose()
        for made in (1, 2, 3):
            scene.session.on_epoch(0, epoch(made, made / 10), {"warmup": made})
            (shown,) = scene.display.told("status")[-1].trials
            assert (shown.epochs, shown.accuracy, shown.flops) == (
                made,
                made / 10,
                {"warmup": made},
            )
        runs, steps, values = zip(*scene.tracker.told("epoch"), strict=True)
        assert (set(runs), steps) == ({"run-trip-0"}, (1, 2, 3))
        assert values[1] == {
            "train_loss": 0.5,
            "val_loss": 1.0,
            "val_accuracy": 0.2,
            "train_flops": 2000,
            "sparsity": 0.5,
            "samples": 100,
            "learning_rate": 0.05,
        }

    def test_is_complete_with_the_result_of_its_whole_schedule(self, scene):
        scene.session.propose()
        scene.train(0, 0.75, 0.25)
        (ended,) = scene.trials.records()
        assert ended == renumbered(
            record(0, 0.75, 0.25, seconds=2.5),
            params=ended.params,
            config=ended.config,
            reference="small",
            run_id="run-trip-0",
            flops=result(0.75, 0.25)["flops"],
        )
        assert scene.tracker.told("end") == [ended]
        assert scene.session.status.trials == (ended,)
        assert scene.frozen(0).values == [0.75, 2_500_000_000]
        assert [front_of(each) for each in scene.tracker.told("front")] == [[ended]]

    def test_is_never_finished_by_an_early_point_however_good(self, scene):
        for _ in range(2):
            scene.session.propose()
        scene.train(0, accuracy=0.5)
        for made in range(1, 4):
            scene.session.on_epoch(1, epoch(made, 0.999), {"warmup": 1})
        scene.session.on_end(1, None, None)
        early = scene.session.status.trials[1]
        assert (early.state, early.epochs, early.accuracy) == ("pruned", 3, 0.999)
        assert early.train_flops is None
        assert scene.frozen(1).state == TrialState.PRUNED
        assert [each.number for each in front_of(scene.trials.records())] == [0]
        assert len(scene.tracker.told("front")) == 1
        assert scene.tracker.told("end")[-1].state == "pruned"

    @pytest.mark.parametrize("accuracy", [math.nan, math.inf])
    def test_is_not_complete_without_a_finite_accuracy(self, scene, accuracy):
        scene.session.propose()
        scene.session.on_end(0, result(accuracy), None)
        assert scene.session.status.trials[0].state != "complete"
        assert scene.frozen(0).state in (TrialState.PRUNED, TrialState.FAIL)
        assert front_of(scene.trials.records()) == []
        assert scene.tracker.told("front") == []

    def test_is_complete_even_if_nothing_was_right(self, scene):
        scene.session.propose()
        scene.train(0, accuracy=0.0)
        assert scene.frozen(0).state == TrialState.COMPLETE

    def test_that_fails_keeps_the_reason(self, scene):
        number = scene.session.propose().number
        scene.session.on_epoch(number, epoch(1, 0.4), {"warmup": 3})
        scene.session.on_end(number, None, "DivergedError: the loss became nan")
        (ended,) = scene.again().trials.records()
        assert (ended.state, ended.reason) == ("failed", "DivergedError: the loss became nan")
        assert (ended.epochs, ended.flops, ended.accuracy) == (1, {"warmup": 3}, 0.4)
        assert scene.frozen(number).state == TrialState.FAIL
        assert scene.tracker.told("end") == [ended]


class TestTheBudget:
    def test_is_what_is_started_and_no_more(self, tmp_path):
        scene = Scene(tmp_path, budget=3)
        assert scene.session.remaining == 3
        numbers = [scene.session.propose().number for _ in range(3)]
        assert numbers == [0, 1, 2]
        assert scene.session.remaining == 0
        assert scene.session.propose() is None
        for number, end in enumerate([(None, None), (None, "broken"), (result(0.5), None)]):
            scene.session.on_end(number, *end)
        assert scene.session.propose() is None
        assert len(scene.trials.records()) == 3

    def test_counts_what_ended_before(self, tmp_path):
        first = Scene(tmp_path, budget=3)
        for _ in range(2):
            first.train(first.session.propose().number)
        second = first.again()
        assert second.session.remaining == 1
        assert second.session.propose().number == 2
        assert second.session.propose() is None

    def test_smaller_than_what_ended_before_starts_nothing(self, tmp_path):
        first = Scene(tmp_path, budget=3)
        for _ in range(3):
            first.train(first.session.propose().number)
        first.trials.remember(budget=1)
        second = first.again()
        assert second.session.remaining <= 0
        assert second.session.propose() is None


class TestOrphans:
    def test_are_run_again_first_in_the_runs_they_had(self, tmp_path):
        first = Scene(tmp_path, budget=4)
        asked = [first.session.propose() for _ in range(3)]
        first.train(1)
        second = first.again()
        assert second.session.remaining == 3
        again = [second.session.propose() for _ in range(3)]
        assert [each.number for each in again] == [0, 2, 3]
        assert [each.config for each in again[:2]] == [asked[0].config, asked[2].config]
        assert [each.run_id for each in again] == ["run-trip-0", "run-trip-2", None]
        assert second.tracker.told("start") == [3]
        assert second.session.propose() is None
        for number in (0, 2, 3):
            second.train(number, 0.8)
        assert [each.state for each in second.trials.records()] == ["complete"] * 4
        assert {each.run_id for each in second.tracker.told("end")} == {
            f"run-trip-{number}" for number in (0, 2, 3)
        }

    def test_do_not_lose_their_run_when_the_second_driver_dies_too(self, tmp_path):
        Scene(tmp_path).session.propose()
        scene = Scene(tmp_path, SearchTrials.load(database(tmp_path), "trip"))
        scene.session.propose()
        third = scene.again()
        assert third.session.propose().run_id == "run-trip-0"


class TestALimit:
    """The interval stands for the cost."""

    def limited(self, folder, most, **more):
        limit = Limit(most, lambda config: config.interval)
        trials = new_search(folder, ONE_FIELD, **more)
        return Scene(folder, trials, limit=limit)

    def test_keeps_what_is_dearer_from_being_started(self, tmp_path):
        scene = self.limited(tmp_path, 500, budget=5)
        started = []
        while (proposal := scene.session.propose()) is not None:
            started.append(proposal)
            scene.train(proposal.number, 0.5, proposal.config.interval / 1000)
        assert len(started) == 5
        assert all(proposal.config.interval <= 500 for proposal in started)
        assert scene.tracker.told("start") == [proposal.number for proposal in started]
        kept = scene.trials.records()
        dear = [each for each in kept if each.rejected and each.state == "pruned"]
        assert dear
        for each in dear:
            assert each.state == "pruned"
            assert each.config["interval"] > 500
            assert "more than the 500 allowed" in each.reason
            assert each.run_id is None
            frozen = scene.frozen(each.number)
            assert frozen.state == TrialState.PRUNED
            assert frozen.constraints == {"max_flops": each.config["interval"] - 500}
        for proposal in started:
            assert scene.frozen(proposal.number).constraints["max_flops"] <= 0
        assert scene.again().trials.records() == kept

    def test_does_not_take_from_the_budget_of_a_resumed_search(self, tmp_path):
        scene = self.limited(tmp_path, 500, budget=3)
        scene.train(scene.session.propose().number)
        while not any(each.rejected for each in scene.session.status.trials):
            scene.train(scene.session.propose().number)
        left = scene.session.remaining
        assert scene.again().session.remaining == left

    def test_gives_up_where_nothing_is_cheap_enough(self, tmp_path):
        """In memory, since there are many."""
        drawn = optuna.create_study(
            directions=["maximize", "minimize"], sampler=optuna.samplers.RandomSampler(seed=0)
        )
        trials = SearchTrials(search_info(ONE_FIELD), drawn)
        scene = Scene(tmp_path, trials, limit=Limit(0.5, lambda config: config.interval))
        assert scene.session.propose() is None
        assert len(drawn.trials) == MOST_REJECTED
        assert {trial.state for trial in drawn.trials} == {TrialState.PRUNED}
        assert scene.session.remaining == 10
        assert scene.tracker.calls == []


class TestARepetition:
    """Of one field with few values, so that proposals soon repeat."""

    def few(self, folder, count, **more):
        source = f"[space]\ninterval = {list(range(1, count + 1))}"
        return Scene(folder, new_search(folder, source, **more))

    @pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
    def test_is_not_trained_while_there_is_something_new(self, tmp_path, sampler):
        scene = self.few(tmp_path, 2, sampler=sampler, budget=2)
        for _ in range(2):
            scene.train(scene.session.propose().number)
        trained = [each for each in scene.trials.records() if not each.rejected]
        assert sorted(each.params["interval"] for each in trained) == [1, 2]
        assert scene.session.propose() is None
        assert scene.session.status.ended == 2

    def test_is_told_and_kept_as_what_was_not_started(self, tmp_path):
        scene = self.few(tmp_path, 1, budget=2)
        scene.train(scene.session.propose().number)
        scene.train(scene.session.propose().number)
        same = [each for each in scene.trials.records() if each.rejected]
        assert len(same) == 2 * MOST_REPEATS
        for each in same:
            assert (each.state, each.reason) == ("failed", "the same configuration as #0")
            assert (each.run_id, scene.frozen(each.number).state) == (None, TrialState.FAIL)
        assert scene.again().session.remaining == 0

    def test_is_trained_in_the_end_where_there_is_nothing_else(self, tmp_path):
        scene = self.few(tmp_path, 1, budget=2)
        scene.train(scene.session.propose().number)
        proposal = scene.session.propose()
        assert proposal.number == 1 + 2 * MOST_REPEATS
        assert scene.session.status.trials[-1].state == "running"

    def test_of_what_failed_or_was_cut_off_is_trained(self, tmp_path):
        scene = self.few(tmp_path, 1, budget=3)
        scene.session.on_end(scene.session.propose().number, None, "broken")
        scene.session.on_end(scene.session.propose().number, None, None)
        assert scene.session.propose().number == 2

    def test_of_what_a_rung_stopped_is_not_trained(self, tmp_path):
        trials = new_search(tmp_path, "[space]\ninterval = [1]", budget=3)
        scene = halved(tmp_path, trials)
        scene.session.propose()
        scene.session._records[0] = renumbered(
            scene.session._records[0], state="pruned", stopped_at=2
        )
        assert scene.session.propose().number == 1 + 2 * MOST_REPEATS

    def test_of_a_reference_is_trained_as_every_reference(self, tmp_path):
        source = (
            "[space]\ninterval = [3]\n[references.a]\ninterval = 3\n[references.b]\ninterval = 3"
        )
        scene = Scene(tmp_path, new_search(tmp_path, source, budget=2))
        assert scene.session.propose().reference == "a"
        scene.train(0)
        again = scene.session.propose()
        assert (again.number, again.reference) == (1, "b")
        assert again.config.interval == 3


def halved(folder, trials=None, reduction=2, **info):
    """A scene with a rung at epoch 2 of 4, where coresets alone cost."""
    stopping = Stopping(Halving(2, reduction), lambda config: round(1e6 * config.coreset.fraction))
    return Scene(folder, trials, stopping=stopping, source=info.pop("source", BARE), **info)


class TestARung:
    def start(self, scene, *accuracies):
        """Start trials and let each make two epochs; returns which go on."""
        going = []
        for accuracy in accuracies:
            number = scene.session.propose().number
            assert scene.session.on_epoch(number, epoch(1, 0.0), {"warmup": 1})
            going.append(scene.session.on_epoch(number, epoch(2, accuracy), {"warmup": 2}))
        return going

    def worst(self, scene):
        """Start one that all others dominate: less accurate than any, and dearer."""
        scene.session._stopping = dataclasses.replace(
            scene.session._stopping, price=lambda config: 10**9
        )
        return self.start(scene, 0.01)

    def test_stops_a_trial_that_is_behind_and_says_why(self, tmp_path):
        scene = halved(tmp_path)
        assert self.start(scene, 0.9)[0]
        assert self.worst(scene) == [False]
        scene.session.on_end(1, None, None)
        ended = scene.session.status.trials[1]
        assert (ended.state, ended.stopped_at, ended.epochs) == ("pruned", 2, 2)
        assert ended.reason == "place 2 at the rung of epoch 2: the best 1 of 2 go on"
        assert (ended.accuracy, ended.flops, ended.train_flops) == (0.01, {"warmup": 2}, None)
        assert ended.predicted_flops == 10**9
        frozen = scene.frozen(1)
        assert (frozen.state, frozen.values) == (TrialState.PRUNED, None)
        assert scene.tracker.told("end") == [ended]
        assert stopped(scene.trials.records()) == [ended]
        assert describe_search(scene.trials)["stopped"] == 1
        assert front_of(scene.trials.records()) == []
        assert scene.session.remaining == 8

    def test_is_not_the_last_epoch(self, tmp_path):
        scene = halved(tmp_path)
        self.start(scene, 0.9, 0.8)
        for number in (0, 1):
            assert scene.session.on_epoch(number, epoch(3, 0.0), {"warmup": 3})
            assert scene.session.on_epoch(number, epoch(4, 0.0), {"warmup": 4})
            scene.session.on_end(number, result(0.5), None)
        assert [each.stopped_at for each in scene.trials.records()] == [None, None]

    def test_stops_nothing_without_halving(self, tmp_path):
        scene = Scene(tmp_path, source=BARE)
        assert self.start(scene, 0.9, 0.8, 0.0) == [True] * 3
        assert [each.rungs for each in scene.trials.records()] == [{}] * 3

    def test_stops_no_reference(self, tmp_path):
        scene = halved(tmp_path, source=TINY)
        assert self.start(scene, 0.9, 0.01) == [True, True]
        dense = scene.trials.records()[1]
        assert (dense.reference, dense.rungs, dense.predicted_flops) == ("dense", {2: 0.01}, 10**6)

    def test_passes_over_an_accuracy_that_is_no_number(self, tmp_path):
        scene = halved(tmp_path)
        assert self.start(scene, 0.9, math.nan) == [True, True]
        assert [each.rungs for each in scene.trials.records()] == [{2: 0.9}, {}]

    def test_is_kept_as_soon_as_it_is_reached_and_rebuilt_by_another_driver(self, tmp_path):
        """The first driver dies with its trials at the rung; one at it before has ended."""
        first = halved(tmp_path, reduction=3)
        self.start(first, 0.9, 0.8, 0.7)
        first.session.on_end(0, result(0.9), None)
        kept = first.trials.records()
        assert [each.rungs for each in kept] == [{2: 0.9}, {2: 0.8}, {2: 0.7}]
        second = halved(tmp_path, SearchTrials.load(database(tmp_path), "trip"), reduction=3)
        again = [second.session.propose() for _ in range(2)]
        assert [each.number for each in again] == [1, 2]
        assert [each.rungs for each in second.session.status.trials] == [
            each.rungs for each in kept
        ]
        assert self.worst(second) == [False]
        assert second.session.status.trials[3].reason == (
            "place 4 at the rung of epoch 2: the best 2 of 4 go on"
        )

    def test_holds_a_trial_once_that_is_run_again(self, tmp_path):
        first = halved(tmp_path)
        self.start(first, 0.9, 0.8)
        second = halved(tmp_path, SearchTrials.load(database(tmp_path), "trip"))
        assert self.start(second, 0.9)[0]
        assert self.worst(second) == [False]
        assert "of 2 go on" in second.session.status.trials[1].reason

    def test_does_not_hide_a_failure(self, tmp_path):
        scene = halved(tmp_path)
        self.start(scene, 0.9)
        self.worst(scene)
        scene.session.on_end(1, None, "its worker process failed")
        ended = scene.trials.records()[1]
        assert (ended.state, ended.reason) == ("failed", "its worker process failed")
        assert stopped(scene.trials.records()) == []


class TestClosing:
    def test_settles_what_still_runs_as_stopped_and_closes_the_parent_run(self, scene):
        for _ in range(3):
            scene.session.propose()
        scene.train(1)
        scene.session.on_epoch(2, epoch(1, 0.99), {"warmup": 5})
        scene.session.close()
        assert scene.trials.running() == []
        cut = [each for each in scene.trials.records() if each.number != 1]
        assert [each.state for each in cut] == ["pruned", "pruned"]
        assert all(each.reason for each in cut)
        assert [each.number for each in front_of(scene.trials.records())] == [1]
        assert sorted(each.number for each in scene.tracker.told("end")) == [0, 1, 2]
        assert scene.tracker.told("closed") == [("parent", False)]
        assert scene.again().session.remaining == 7

    def test_of_a_search_in_which_nothing_finished_is_a_failure(self, scene):
        scene.session.on_end(scene.session.propose().number, None, "broken")
        scene.session.close()
        assert scene.tracker.told("closed") == [("parent", True)]


class TestStatus:
    def test_counts_trials_by_state(self, tmp_path):
        scene = Scene(tmp_path, budget=5)
        for _ in range(4):
            scene.session.propose()
        scene.train(0)
        scene.session.on_end(1, None, "broken")
        shown = scene.session.status
        assert (shown.name, shown.budget, shown.finished_here) == ("trip", 5, 2)
        counts = {state: shown.count(state) for state in ("complete", "failed", "running")}
        assert counts == {"complete": 1, "failed": 1, "running": 2}
        assert shown.count("complete", "failed", "pruned") == 2

    def test_does_not_count_what_ended_before_as_finished_here(self, tmp_path):
        first = Scene(tmp_path)
        first.train(first.session.propose().number)
        shown = first.again().session.status
        assert (shown.count("complete"), shown.finished_here) == (1, 0)

    def test_estimates_the_time_left_from_what_ended_here(self):
        two = [record(0), record(1, state="failed")]
        assert status(*two, seconds=20.0).remaining_seconds == 80.0
        running = [record(2, state="running")]
        assert status(*two, *running, seconds=20.0, finished_here=2).remaining_seconds == 80.0

    def test_estimates_nothing_before_the_first_has_ended(self):
        assert status(seconds=20.0).remaining_seconds is None
        assert status(record(0), seconds=20.0, finished_here=0).remaining_seconds is None

    def test_estimates_the_time_left_without_what_was_never_started(self):
        """Two of ten ended in 20 s; ones that were too dear neither cost time nor budget."""
        dear = [record(number, state="pruned", rejected=True) for number in range(2, 14)]
        shown = status(record(0), record(1), *dear, seconds=20.0, finished_here=2)
        assert shown.remaining_seconds == 80.0
