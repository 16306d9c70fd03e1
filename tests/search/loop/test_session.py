"""Tests of a session: real trials in a real database, and listeners that record every call."""

from __future__ import annotations

import math

import pytest
from optuna.trial import TrialState

from search.engine.jobs import Failure, FailureKind, Report
from search.loop.limits import Limits
from search.trials.totals import spent
from search.trials.trial_record import front_of
from tests.search.loop.support import Scene
from tests.search.support import epoch, record, renumbered, result, status


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


class TestATrial:
    def test_starts_with_a_run_that_is_kept_with_it(self, scene):
        job = scene.session.propose()
        (shown,) = scene.session.status.trials
        assert (shown.number, shown.state, shown.reference) == (job.number, "running", "small")
        assert shown.config == job.config
        assert scene.tracker.told("start") == [shown]
        assert scene.display.told("status")[-1].state.count("running") == 1

    def test_logs_every_epoch_as_it_is_made(self, scene):
        scene.session.propose()
        for made in (1, 2, 3):
            scene.session.on_report(0, Report([epoch(made, made / 10)], {"warmup": made}))
            (shown,) = scene.display.told("status")[-1].trials
            assert (shown.epochs, shown.score, shown.bill) == (
                made,
                made / 10,
                {"warmup": made},
            )
        assert scene.tracker.told("epoch") == [(0, 1), (0, 2), (0, 3)]
        assert scene.epoch_log.read(0) == [epoch(made, made / 10) for made in (1, 2, 3)]

    def test_stores_the_part_of_its_bill_that_others_paid(self, scene):
        number = scene.session.propose().number
        scene.session.on_report(number, Report([epoch(1, 0.5)], {"warmup": 9}, shared=7))
        scene.session.on_end(number, None)
        (kept,) = (each for each in scene.trials.records() if each.number == number)
        assert (kept.state, kept.bill, kept.shared) == ("paused", {"warmup": 9}, 7)
        assert spent([kept]) == 2

    def test_that_resumes_from_a_checkpoint_logs_its_epochs_once(self, scene):
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
            bill=result(0.75, 0.25).flops,
            environment=result(0.75, 0.25).environment,
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
        assert (early.state, early.epochs, early.score) == ("paused", 3, 0.999)
        assert early.cost is None
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
        scene.session.on_end(
            number, Failure(FailureKind.DIVERGED, "DivergedError: the loss became nan")
        )
        (ended,) = scene.again().trials.records()
        assert (ended.state, ended.reason) == ("failed", "DivergedError: the loss became nan")
        assert (ended.epochs, ended.bill, ended.score) == (1, {"warmup": 3}, 0.4)
        assert scene.frozen(number).state == TrialState.FAIL
        assert scene.tracker.told("end") == [renumbered(ended, ended=None)]


def test_resting_sends_queued_calls_to_mlflow(scene):
    scene.session.rest()
    assert scene.tracker.told("turn") == [None]


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

    def test_can_be_resumed_where_it_stopped(self, scene):
        job = scene.session.propose()
        folder = scene.checkpoint(0)
        for made in (1, 2):
            scene.report(0, made, 0.7)
        scene.session.pause()
        scene.session.on_end(0, None)
        scene.session.close()
        second = scene.again()
        (paused,) = second.session.status.trials
        assert (paused.state, paused.score, paused.bill) == ("paused", 0.7, {"warmup": 2})
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
        return Scene(folder, limits=Limits(price=lambda config: 1, retries=retries), budget=3)

    def test_repeat_a_trial_unchanged_up_to_their_number(self, tmp_path):
        scene = self.failing(tmp_path, 2)
        job = scene.session.propose()
        for retries in range(3):
            assert scene.session.status.trials[0].retries == retries
            scene.session.on_end(0, Failure(FailureKind.WORKER_LOST, "its worker process died"))
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
        scene.session.on_end(0, Failure(FailureKind.WORKER_LOST, "its worker process died"))
        second = scene.again()
        assert second.session.propose().number == 0
        second.session.on_end(0, Failure(FailureKind.RAISED, "again"))
        assert second.state(0) == "failed"

    def test_are_not_for_lasting_failures(self, tmp_path):
        scene = self.failing(tmp_path, 2)
        scene.session.propose()
        scene.session.on_end(0, Failure(FailureKind.DIVERGED, "DivergedError: nan"))
        assert scene.state(0) == "failed"

    def test_that_succeed_forget_the_reason(self, tmp_path):
        scene = self.failing(tmp_path, 1)
        scene.session.propose()
        scene.session.on_end(0, Failure(FailureKind.WORKER_LOST, "its worker process died"))
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
        scene.session.on_end(1, Failure(FailureKind.WORKER_LOST, "its worker process died"))
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
        scene.session.on_end(scene.session.propose().number, Failure(FailureKind.RAISED, "broken"))
        scene.session.close()
        assert scene.tracker.told("closed") == ["failed"]


class TestStatus:
    def test_counts_trials_by_state(self, tmp_path):
        scene = Scene(tmp_path, budget=5)
        for _ in range(4):
            scene.session.propose()
        scene.train(0)
        scene.session.on_end(1, Failure(FailureKind.RAISED, "broken"))
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
        """Two of ten ended in 20 s; rejected trials take neither time nor budget."""
        rejected = [record(number, state="pruned", rejected=True) for number in range(2, 14)]
        shown = status(record(0), record(1), *rejected, seconds=20.0, finished_here=2)
        assert shown.remaining_seconds == 80.0
