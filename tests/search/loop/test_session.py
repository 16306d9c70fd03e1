"""A search in progress: real trials in a real database, and listeners that note what they hear."""

from __future__ import annotations

import dataclasses
import math

import optuna
import pytest
from optuna.trial import TrialState

from search.engine.jobs import Failure, Report
from search.loop.halving import Halving
from search.loop.limits import Limits, Stopping
from search.loop.proposals import MOST_REJECTED, MOST_REPEATS
from search.loop.session import Session
from search.store.epoch_log import EpochLog
from search.trials.repository import SearchTrials
from search.trials.trial_record import front_of, spent, stopped
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

    def __init__(self, folder, trials=None, rules=None, **info):
        self.folder, self.rules = folder, rules or Limits(price=lambda config: 10**6)
        self.trials = trials or new_search(folder, **info)
        self.tracker, self.display = Listener(), Listener()
        self.epoch_log = EpochLog(folder / "files" / "histories")
        self.session = Session(
            self.trials, self.tracker, self.display, self.epoch_log, folder / "files", self.rules
        )

    def again(self):
        """Another driver's session on the same search."""
        return Scene(self.folder, SearchTrials.load(database(self.folder), "trip"), self.rules)

    def frozen(self, number):
        """A trial as Optuna has it."""
        return optuna.load_study(study_name="trip", storage=database(self.folder)).trials[number]

    def train(self, number, accuracy=0.9, relative=0.1):
        """Report all epochs of a trial and its end."""
        for made in range(1, 5):
            self.report(number, made, accuracy)
        self.session.on_end(number, result(accuracy, relative))

    def report(self, number, made, accuracy=0.5):
        """Report an epoch of a trial; returns whether it goes on."""
        return self.session.on_report(number, Report([epoch(made, accuracy)], {"warmup": made}))

    def checkpoint(self, number):
        """Let a worker leave a checkpoint; returns its folder."""
        folder = self.folder / "files" / "checkpoints" / str(number)
        folder.mkdir()
        return folder

    def state(self, number):
        """How a trial stands in the storage."""
        return next(each.state for each in self.trials.records() if each.number == number)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


class TestATrial:
    def test_starts_with_a_run_that_is_kept_with_it(self, scene):
        job = scene.session.propose()
        (shown,) = scene.session.status.trials
        assert (shown.number, shown.state, shown.reference) == (job.number, "running", "small")
        assert shown.config == job.config.to_dict()
        assert scene.tracker.told("start") == [shown]
        assert scene.display.told("status")[-1].state.count("running") == 1

    def test_logs_every_epoch_as_it_is_made(self, scene):
        scene.session.propose()
        for made in (1, 2, 3):
            scene.session.on_report(0, Report([epoch(made, made / 10)], {"warmup": made}))
            (shown,) = scene.display.told("status")[-1].trials
            assert (shown.epochs, shown.accuracy, shown.flops) == (
                made,
                made / 10,
                {"warmup": made},
            )
        assert scene.tracker.told("epoch") == [(0, 1), (0, 2), (0, 3)]
        assert scene.epoch_log.read(0) == [epoch(made, made / 10) for made in (1, 2, 3)]

    def test_keeps_what_of_its_bill_others_paid(self, scene):
        number = scene.session.propose().number
        scene.session.on_report(number, Report([epoch(1, 0.5)], {"warmup": 9}, shared=7))
        scene.session.on_end(number, None)
        (kept,) = (each for each in scene.trials.records() if each.number == number)
        assert (kept.state, kept.flops, kept.shared) == ("paused", {"warmup": 9}, 7)
        assert spent([kept]) == 2

    def test_that_goes_on_from_a_checkpoint_tells_its_epochs_again_and_logs_them_once(self, scene):
        number = scene.session.propose().number
        scene.report(number, 1)
        made = [epoch(each, 0.5) for each in (1, 2, 3)]
        assert scene.session.on_report(number, Report(made, {"warmup": 3}))
        assert scene.tracker.told("epoch") == [(0, 1), (0, 2), (0, 3)]
        assert scene.session.status.trials[0].epochs == 3

    def test_is_complete_with_the_result_of_its_whole_schedule(self, scene):
        scene.session.propose()
        scene.train(0, 0.75, 0.25)
        (ended,) = scene.trials.records()
        assert ended == renumbered(
            record(0, 0.75, 0.25, seconds=2.5),
            params=ended.params,
            config=ended.config,
            reference="small",
            run_id="run-0",
            ended=ended.ended,
            flops=result(0.75, 0.25)["flops"],
            environment=result(0.75, 0.25)["environment"],
        )
        settled = renumbered(ended, ended=None)
        assert scene.tracker.told("end") == [settled]
        assert scene.session.status.trials == (settled,)
        assert scene.frozen(0).values == [0.75, 2_500_000_000]
        assert [front_of(each) for each in scene.tracker.told("front")] == [[settled]]

    def test_that_is_cut_off_is_paused_and_on_no_front_however_good(self, scene):
        for _ in range(2):
            scene.session.propose()
        scene.train(0, accuracy=0.5)
        for made in range(1, 4):
            scene.report(1, made, 0.999)
        scene.session.on_end(1, None)
        early = scene.session.status.trials[1]
        assert (early.state, early.epochs, early.accuracy) == ("paused", 3, 0.999)
        assert early.train_flops is None
        assert (scene.frozen(1).state, scene.state(1)) == (TrialState.RUNNING, "paused")
        assert [each.number for each in front_of(scene.trials.records())] == [0]
        assert len(scene.tracker.told("front")) == 1
        assert scene.tracker.told("end")[-1] == early

    @pytest.mark.parametrize("accuracy", [math.nan, math.inf])
    def test_is_not_complete_without_a_finite_accuracy(self, scene, accuracy):
        scene.session.propose()
        scene.session.on_end(0, result(accuracy))
        assert scene.session.status.trials[0].state != "complete"
        assert scene.frozen(0).state in (TrialState.PRUNED, TrialState.FAIL)
        assert front_of(scene.trials.records()) == []
        assert front_of(scene.tracker.told("front")[-1]) == []

    def test_is_complete_even_if_nothing_was_right(self, scene):
        scene.session.propose()
        scene.train(0, accuracy=0.0)
        assert scene.frozen(0).state == TrialState.COMPLETE

    def test_that_fails_keeps_the_reason(self, scene):
        number = scene.session.propose().number
        scene.session.on_report(number, Report([epoch(1, 0.4)], {"warmup": 3}))
        scene.session.on_end(number, Failure("DivergedError: the loss became nan"))
        (ended,) = scene.again().trials.records()
        assert (ended.state, ended.reason) == ("failed", "DivergedError: the loss became nan")
        assert (ended.epochs, ended.flops, ended.accuracy) == (1, {"warmup": 3}, 0.4)
        assert scene.frozen(number).state == TrialState.FAIL
        assert scene.tracker.told("end") == [renumbered(ended, ended=None)]


def test_resting_sends_mlflow_what_waits(scene):
    scene.session.rest()
    assert scene.tracker.told("turn") == [None]


class TestTheBudget:
    def test_is_what_is_started_and_no_more(self, tmp_path):
        scene = Scene(tmp_path, budget=3)
        assert not scene.session.over
        numbers = [scene.session.propose().number for _ in range(3)]
        assert numbers == [0, 1, 2]
        for number, end in enumerate([result(0.4), Failure("broken"), result(0.5)]):
            assert scene.session.propose() is None
            assert not scene.session.over
            scene.session.on_end(number, end)
        assert scene.session.over
        assert scene.session.propose() is None
        assert len(scene.trials.records()) == 3

    def test_counts_what_ended_before(self, tmp_path):
        first = Scene(tmp_path, budget=3)
        for _ in range(2):
            first.train(first.session.propose().number)
        second = first.again()
        assert second.session.propose().number == 2
        assert second.session.propose() is None

    def test_smaller_than_what_ended_before_starts_nothing(self, tmp_path):
        first = Scene(tmp_path, budget=3)
        for _ in range(3):
            first.train(first.session.propose().number)
        first.trials.remember(budget=1)
        second = first.again()
        assert second.session.propose() is None
        assert second.session.over


class TestOrphans:
    """Trials that a driver which died, or was told to pause, has left running."""

    def test_are_run_again_first_with_their_checkpoints(self, tmp_path):
        first = Scene(tmp_path, budget=4)
        asked = [first.session.propose() for _ in range(3)]
        kept = [first.checkpoint(number) for number in range(3)]
        first.train(1)
        second = first.again()
        again = [second.session.propose() for _ in range(3)]
        assert again[:2] == [asked[0], asked[2]]
        assert again[2].number == 3
        assert [each.number for each in second.tracker.told("start")] == [0, 2, 3]
        assert [folder.exists() for folder in kept] == [True, True, True]  # 1 is on the front
        assert second.session.propose() is None
        for number in (0, 2, 3):
            second.train(number, 0.8)
        assert [each.state for each in second.trials.records()] == ["complete"] * 4

    def test_that_were_asked_for_and_never_begun_still_have_to_be_cheap_enough(self, tmp_path):
        """The driver died between asking Optuna and starting the trial."""
        rules = Limits(price=lambda config: config.interval, limit=lambda config: 500)
        trials = new_search(tmp_path, ONE_FIELD, budget=5)
        dear = [trials.ask() for _ in range(6)]
        assert any(each.config.interval > 500 for each in dear)
        scene = Scene(tmp_path, SearchTrials.load(database(tmp_path), "trip"), rules)
        started = []
        while (job := scene.session.propose()) is not None:
            started.append(job)
            scene.train(job.number, 0.5)
        assert len(started) == 5
        assert all(each.config.interval <= 500 for each in started)
        assert {each.state for each in scene.trials.records()} == {"complete", "pruned"}

    def test_that_were_never_begun_are_settled_where_the_budget_is_used_up(self, tmp_path):
        """An answer of the database was lost, so that a trial was created twice."""
        scene = Scene(tmp_path, budget=1)
        scene.session.propose()
        optuna.load_study(study_name="trip", storage=database(tmp_path)).ask()
        scene.train(0)
        assert scene.session.propose() is None
        assert [each.state for each in scene.trials.records()] == ["complete", "failed"]
        extra = new_search(tmp_path, name="extra", budget=1)
        extra.ask()
        extra.remember(budget=0)
        left = Scene(tmp_path, SearchTrials.load(database(tmp_path), "extra"))
        assert left.session.propose() is None
        assert left.session.over
        (settled,) = left.trials.records()
        assert (settled.state, settled.rejected) == ("failed", True)

    def test_that_a_rung_had_stopped_are_told_so_and_not_run(self, tmp_path):
        """The driver died between the rung's word and telling Optuna."""
        first = halved(tmp_path, price=lambda config: 1)
        for accuracy, goes_on in ((0.9, True), (0.1, False)):
            number = first.session.propose().number
            first.report(number, 1, 0.0)
            assert first.report(number, 2, accuracy) == goes_on
        second = first.again()
        assert [second.session.propose().number for _ in range(2)] == [0, 2]
        ended = second.trials.records()[1]
        assert (ended.state, ended.stopped_at) == ("pruned", 2)
        assert ended.reason == "place 2 at the rung of epoch 2: the best 1 of 2 go on"

    def test_that_a_rung_had_stopped_after_a_pause_are_told_so(self, tmp_path):
        """What was kept at the pause is older than the rung's word."""
        first = halved(tmp_path, price=lambda config: 1)
        numbers = [first.session.propose().number for _ in range(2)]
        first.report(1, 1, 0.0)
        first.session.close()
        second = first.again()
        assert [second.session.propose().number for _ in range(2)] == numbers
        second.report(0, 2, 0.9)
        assert not second.report(1, 2, 0.1)
        third = second.again()
        assert third.session.propose().number == 0
        assert third.session.propose().number == 2
        assert third.trials.records()[1].stopped_at == 2


class TestPausing:
    def test_stops_what_runs_at_the_end_of_its_epoch_and_starts_nothing(self, scene):
        numbers = [scene.session.propose().number for _ in range(2)]
        assert scene.report(0, 1)
        scene.session.pause()
        assert scene.session.over
        assert scene.session.propose() is None
        for number in numbers:
            assert not scene.report(number, 2)
            scene.session.on_end(number, None)
        scene.session.close()
        assert scene.session.status.end == "paused"
        assert scene.tracker.told("closed") == ["paused"]
        assert [each.state for each in scene.tracker.told("end")] == ["paused"] * 2

    def test_is_gone_on_with_where_it_stopped(self, scene):
        job = scene.session.propose()
        folder = scene.checkpoint(0)
        for made in (1, 2):
            scene.report(0, made, 0.7)
        scene.session.pause()
        scene.session.on_end(0, None)
        scene.session.close()
        second = scene.again()
        (paused,) = second.session.status.trials
        assert (paused.state, paused.accuracy, paused.flops) == ("paused", 0.7, {"warmup": 2})
        assert second.session.propose() == job
        assert folder.exists()
        assert second.state(0) == "running"
        assert second.session.status.trials[0].epochs == 2
        second.train(0)
        assert second.state(0) == "complete"

    def test_lets_a_trial_that_ends_just_then_be_complete(self, scene):
        number = scene.session.propose().number
        scene.session.pause()
        scene.train(number)
        assert scene.state(number) == "complete"


class TestRetries:
    def failing(self, folder, retries):
        return Scene(folder, rules=Limits(price=lambda config: 1, retries=retries), budget=3)

    def test_a_trial_comes_again_as_it_was_as_often_as_asked(self, tmp_path):
        scene = self.failing(tmp_path, 2)
        job = scene.session.propose()
        for retries in range(3):
            assert scene.session.status.trials[0].retries == retries
            scene.session.on_end(0, Failure("its worker process died"))
            if retries < 2:
                assert scene.state(0) == "running"
                assert scene.session.propose() == job
        (ended,) = scene.trials.records()
        assert (ended.state, ended.reason, ended.retries) == (
            "failed",
            "its worker process died",
            2,
        )
        assert scene.session.propose().number == 1

    def test_count_over_drivers(self, tmp_path):
        scene = self.failing(tmp_path, 1)
        scene.session.propose()
        scene.session.on_end(0, Failure("its worker process died"))
        second = scene.again()
        assert second.session.propose().number == 0
        second.session.on_end(0, Failure("again"))
        assert second.state(0) == "failed"

    def test_are_not_for_what_would_fail_again(self, tmp_path):
        scene = self.failing(tmp_path, 2)
        scene.session.propose()
        scene.session.on_end(0, Failure("DivergedError: nan", lasting=True))
        assert scene.state(0) == "failed"

    def test_that_succeed_forget_the_reason(self, tmp_path):
        scene = self.failing(tmp_path, 1)
        scene.session.propose()
        scene.session.on_end(0, Failure("its worker process died"))
        scene.session.propose()
        scene.train(0)
        (ended,) = scene.trials.records()
        assert (ended.state, ended.reason, ended.retries) == ("complete", None, 1)

    def test_keep_the_search_from_being_over(self, tmp_path):
        scene = self.failing(tmp_path, 1)
        for _ in range(3):
            scene.session.propose()
        assert scene.session.propose() is None
        assert not scene.session.over
        scene.session.on_end(1, Failure("its worker process died"))
        assert scene.session.propose().number == 1


class TestCheckpoints:
    def test_of_what_runs_and_of_the_front_are_kept(self, scene):
        for number in range(3):
            scene.session.propose()
            scene.checkpoint(number)

        def kept():
            folder = scene.folder / "files" / "checkpoints"
            return sorted(int(each.name) for each in folder.iterdir())

        scene.train(0, 0.5, 0.1)
        assert kept() == [0, 1, 2]
        scene.train(1, 0.4, 0.2)
        assert kept() == [0, 2]
        scene.train(2, 0.6, 0.1)
        assert kept() == [2]

    def test_that_a_dead_driver_left_are_swept(self, scene):
        scene.session.propose()
        for number in (0, 7):
            scene.checkpoint(number)
        scene.again()
        assert [each.name for each in (scene.folder / "files/checkpoints").iterdir()] == ["0"]


class TestAFlopsBudget:
    """Trials cost their interval, from 1 to 1000."""

    def budgeted(self, folder, flops):
        rules = Limits(price=lambda config: config.interval, flops_budget=flops)
        return Scene(folder, new_search(folder, ONE_FIELD, budget=100), rules)

    def spend(self, scene, job):
        spent = {"warmup": job.config.interval, "evaluation": 7}
        scene.session.on_report(job.number, Report([epoch(1, 0.5)], spent))
        outcome = result(0.5) | {"train_flops": job.config.interval, "flops": spent}
        scene.session.on_end(job.number, outcome)

    @pytest.mark.parametrize("flops", [1, 900, 3000])
    def test_is_never_exceeded_and_ends_the_search(self, tmp_path, flops):
        scene, spent = self.budgeted(tmp_path, flops), 0
        while (job := scene.session.propose()) is not None:
            spent += job.config.interval
            self.spend(scene, job)
        assert scene.session.over
        assert spent == spent(scene.trials.records()) <= flops
        last = scene.trials.records()[-1]
        assert last.rejected
        assert last.config["interval"] > flops - spent

    def test_is_promised_to_what_runs_and_freed_by_what_costs_less(self, tmp_path):
        scene = self.budgeted(tmp_path, 1200)
        running = []
        while (job := scene.session.propose()) is not None:
            running.append(job)
        assert sum(job.config.interval for job in running) <= 1200
        assert not scene.session.over
        waiting = scene.trials.records()[-1]
        assert waiting.state == "running"
        for job in running:
            scene.session.on_end(job.number, Failure("cheap", lasting=True))
        job = scene.session.propose()
        assert job.number == waiting.number


class TestALimit:
    """The interval stands for the cost."""

    def limited(self, folder, most, **more):
        rules = Limits(price=lambda config: config.interval, limit=lambda config: most)
        return Scene(folder, new_search(folder, ONE_FIELD, **more), rules)

    def test_keeps_what_is_dearer_from_being_started(self, tmp_path):
        scene = self.limited(tmp_path, 500, budget=5)
        started = []
        while (proposal := scene.session.propose()) is not None:
            started.append(proposal)
            scene.train(proposal.number, 0.5, proposal.config.interval / 1000)
        assert len(started) == 5
        assert all(proposal.config.interval <= 500 for proposal in started)
        begun = [each.number for each in scene.tracker.told("start")]
        assert begun == [proposal.number for proposal in started]
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
        second = scene.again()
        while (job := second.session.propose()) is not None:
            second.train(job.number)
        assert sum(not each.rejected for each in second.trials.records()) == 3

    def test_gives_up_where_nothing_is_cheap_enough(self, tmp_path):
        """In memory, since there are many."""
        drawn = optuna.create_study(
            directions=["maximize", "minimize"], sampler=optuna.samplers.RandomSampler(seed=0)
        )
        trials = SearchTrials(search_info(ONE_FIELD), drawn)
        scene = Scene(
            tmp_path, trials, Limits(lambda config: config.interval, limit=lambda config: 0.5)
        )
        assert scene.session.propose() is None
        assert len(drawn.trials) == MOST_REJECTED
        assert {trial.state for trial in drawn.trials} == {TrialState.PRUNED}
        assert scene.session.over
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
        assert scene.session.status.state.ended == 2

    def test_is_told_and_kept_as_what_was_not_started(self, tmp_path):
        scene = self.few(tmp_path, 1, budget=2)
        scene.train(scene.session.propose().number)
        scene.train(scene.session.propose().number)
        same = [each for each in scene.trials.records() if each.rejected]
        assert len(same) == 2 * MOST_REPEATS
        for each in same:
            assert (each.state, each.reason) == ("failed", "the same configuration as #0")
            assert (each.run_id, scene.frozen(each.number).state) == (None, TrialState.FAIL)
        assert scene.again().session.propose() is None

    def test_is_trained_in_the_end_where_there_is_nothing_else(self, tmp_path):
        scene = self.few(tmp_path, 1, budget=2)
        scene.train(scene.session.propose().number)
        proposal = scene.session.propose()
        assert proposal.number == 1 + 2 * MOST_REPEATS
        assert scene.session.status.trials[-1].state == "running"

    def test_of_what_failed_is_trained(self, tmp_path):
        scene = self.few(tmp_path, 1, budget=3)
        scene.session.on_end(scene.session.propose().number, Failure("broken"))
        assert scene.session.propose().number == 1

    def test_of_what_a_rung_stopped_is_not_trained(self, tmp_path):
        trials = new_search(tmp_path, "[space]\ninterval = [1]", budget=3)
        scene = halved(tmp_path, trials)
        scene.session.propose()
        begun = scene.session._standing[0]
        scene.session._standing.put(renumbered(begun, state="pruned", stopped_at=2))
        assert scene.session.propose().number == 1 + 2 * MOST_REPEATS

    def test_of_a_reference_is_trained_as_every_reference(self, tmp_path):
        source = (
            "[space]\ninterval = [3]\n[references.a]\ninterval = 3\n[references.b]\ninterval = 3"
        )
        scene = Scene(tmp_path, new_search(tmp_path, source, budget=2))
        for number, name in enumerate("ab"):
            assert scene.session.propose().config.interval == 3
            assert scene.session.status.trials[number].reference == name
            scene.train(number)


def halved(folder, trials=None, reduction=2, price=None, **info):
    """A scene with a rung at epoch 2 of 4, where coresets alone cost."""
    rules = Limits(
        price=price or (lambda config: round(1e6 * config.coreset.fraction)),
        stopping=Stopping(Halving(2, reduction)),
    )
    return Scene(folder, trials, rules, source=info.pop("source", BARE), **info)


class TestARung:
    def start(self, scene, *accuracies):
        """Start trials and let each make two epochs; returns which go on."""
        going = []
        for accuracy in accuracies:
            number = scene.session.propose().number
            assert scene.session.on_report(number, Report([epoch(1, 0.0)], {"warmup": 1}))
            going.append(
                scene.session.on_report(number, Report([epoch(2, accuracy)], {"warmup": 2}))
            )
        return going

    def worst(self, scene):
        """Start one that all others dominate: less accurate than any, and dearer."""
        dear = dataclasses.replace(scene.rules, price=lambda config: 10**9)
        scene.session._rules = dear
        return self.start(scene, 0.01)

    def test_stops_a_trial_that_is_behind_and_says_why(self, tmp_path):
        scene = halved(tmp_path)
        assert self.start(scene, 0.9)[0]
        assert self.worst(scene) == [False]
        scene.session.on_end(1, None)
        ended = scene.session.status.trials[1]
        assert (ended.state, ended.stopped_at, ended.epochs) == ("pruned", 2, 2)
        assert ended.reason == "place 2 at the rung of epoch 2: the best 1 of 2 go on"
        assert (ended.accuracy, ended.flops, ended.train_flops) == (0.01, {"warmup": 2}, None)
        assert ended.predicted_cost == 10**9
        frozen = scene.frozen(1)
        assert (frozen.state, frozen.values) == (TrialState.PRUNED, None)
        assert scene.tracker.told("end") == [ended]
        (kept,) = stopped(scene.trials.records())
        assert renumbered(kept, ended=None) == ended
        assert front_of(scene.trials.records()) == []

    def test_is_not_the_last_epoch(self, tmp_path):
        scene = halved(tmp_path)
        self.start(scene, 0.9, 0.8)
        for number in (0, 1):
            assert scene.session.on_report(number, Report([epoch(3, 0.0)], {"warmup": 3}))
            assert scene.session.on_report(number, Report([epoch(4, 0.0)], {"warmup": 4}))
            scene.session.on_end(number, result(0.5))
        assert [each.stopped_at for each in scene.trials.records()] == [None, None]

    def test_stops_nothing_without_halving(self, tmp_path):
        scene = Scene(tmp_path, source=BARE)
        assert self.start(scene, 0.9, 0.8, 0.0) == [True] * 3
        assert [each.rungs for each in scene.trials.records()] == [{}] * 3

    def test_stops_no_reference(self, tmp_path):
        scene = halved(tmp_path, source=TINY)
        assert self.start(scene, 0.9, 0.01) == [True, True]
        dense = scene.trials.records()[1]
        assert (dense.reference, dense.rungs, dense.predicted_cost) == ("dense", {2: 0.01}, 10**6)

    def test_passes_over_an_accuracy_that_is_no_number(self, tmp_path):
        scene = halved(tmp_path)
        assert self.start(scene, 0.9, math.nan) == [True, True]
        assert [each.rungs for each in scene.trials.records()] == [{2: 0.9}, {}]

    def test_is_kept_as_soon_as_it_is_reached_and_rebuilt_by_another_driver(self, tmp_path):
        """The first driver dies with its trials at the rung; one at it before has ended."""
        first = halved(tmp_path, reduction=3)
        self.start(first, 0.9, 0.8, 0.7)
        first.session.on_end(0, result(0.9))
        kept = first.trials.records()
        assert [each.rungs for each in kept] == [{2: 0.9}, {2: 0.8}, {2: 0.7}]
        assert [each.predicted_cost for each in kept] == [
            each.predicted_cost for each in first.session.status.trials
        ]
        second = halved(tmp_path, SearchTrials.load(database(tmp_path), "trip"), reduction=3)
        assert second.session.propose().number == 1
        assert [each.rungs for each in second.session.status.trials] == [
            each.rungs for each in kept
        ]
        assert self.worst(second) == [False]
        assert second.session.status.trials[3].reason == (
            "place 4 at the rung of epoch 2: the best 2 of 4 go on"
        )

    def test_does_not_judge_twice_a_trial_that_is_run_again(self, tmp_path):
        """It was let go on; others that came since do not change that."""
        first = halved(tmp_path)
        self.start(first, 0.5)
        second = first.again()
        number = second.session.propose().number
        for accuracy in (0.8, 0.9):
            self.start(second, accuracy)
        assert second.session.on_report(
            number, Report([epoch(made, 0.5) for made in (1, 2, 3)], {"warmup": 3})
        )
        assert [each.rungs for each in second.trials.records()] == [{2: 0.5}, {2: 0.8}, {2: 0.9}]

    def test_is_judged_late_where_the_driver_had_died_before_it_heard(self, tmp_path):
        """The checkpoint is beyond the rung, of which the storage knows nothing."""
        first = halved(tmp_path)
        self.start(first, 0.9)
        number = first.session.propose().number
        first.report(number, 1, 0.0)
        second = first.again()
        assert [second.session.propose().number for _ in range(2)] == [0, number]
        kept = second.session._standing
        kept.put(renumbered(kept[number], predicted_cost=10**9))
        made = [epoch(each, 0.01) for each in (1, 2, 3)]
        assert not second.session.on_report(number, Report(made, {"warmup": 3}))
        assert second.session.status.trials[number].stopped_at == 2

    def test_does_not_hide_a_failure(self, tmp_path):
        scene = halved(tmp_path)
        self.start(scene, 0.9)
        self.worst(scene)
        scene.session.on_end(1, Failure("its worker process failed"))
        ended = scene.trials.records()[1]
        assert (ended.state, ended.reason) == ("failed", "its worker process failed")
        assert stopped(scene.trials.records()) == []


class TestClosing:
    def test_leaves_what_still_runs_paused_and_closes_the_parent_run(self, scene):
        for _ in range(3):
            scene.session.propose()
        scene.train(1)
        scene.report(2, 1, 0.99)
        scene.session.close()
        assert [scene.state(number) for number in range(3)] == ["paused", "complete", "paused"]
        assert [each.number for each in front_of(scene.trials.records())] == [1]
        assert sorted(each.number for each in scene.tracker.told("end")) == [0, 1, 2]
        assert scene.tracker.told("closed") == ["paused"]

    def test_of_a_search_that_ended_is_its_end(self, tmp_path):
        scene = Scene(tmp_path, budget=1)
        scene.train(scene.session.propose().number)
        scene.session.close()
        assert scene.tracker.told("closed") == ["finished"]

    def test_of_a_search_in_which_nothing_finished_is_a_failure(self, scene):
        scene.session.on_end(scene.session.propose().number, Failure("broken"))
        scene.session.close()
        assert scene.tracker.told("closed") == ["failed"]


class TestStatus:
    def test_counts_trials_by_state(self, tmp_path):
        scene = Scene(tmp_path, budget=5)
        for _ in range(4):
            scene.session.propose()
        scene.train(0)
        scene.session.on_end(1, Failure("broken"))
        shown = scene.session.status
        assert (shown.name, shown.budget, shown.finished_here) == ("trip", 5, 2)
        counts = {state: shown.state.count(state) for state in ("complete", "failed", "running")}
        assert counts == {"complete": 1, "failed": 1, "running": 2}
        assert shown.state.count("complete", "failed", "pruned") == 2

    def test_does_not_count_what_ended_before_as_finished_here(self, tmp_path):
        first = Scene(tmp_path)
        first.train(first.session.propose().number)
        shown = first.again().session.status
        assert (shown.state.count("complete"), shown.finished_here) == (1, 0)

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
