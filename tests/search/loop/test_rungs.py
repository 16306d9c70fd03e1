"""Tests of early stopping in a session: rungs, their storage, and their reconstruction."""

from __future__ import annotations

import dataclasses
import math

from optuna.trial import TrialState

from search.engine.jobs import Failure, FailureKind, Report
from search.trials.repository import SearchTrials
from search.trials.trial_record import front_of, stopped
from tests.search.loop.support import Scene, halved
from tests.search.support import BARE, TINY, database, epoch, renumbered, result


class TestARung:
    def start(self, scene, *accuracies):
        """Start trials and report two epochs of each; return which of them continue."""
        going = []
        for accuracy in accuracies:
            number = scene.session.propose().number
            assert scene.session.on_report(number, Report([epoch(1, 0.0)], {"warmup": 1}))
            going.append(
                scene.session.on_report(number, Report([epoch(2, accuracy)], {"warmup": 2}))
            )
        return going

    def worst(self, scene):
        """Start a trial that all others dominate: less accurate than any, and more expensive."""
        expensive = dataclasses.replace(scene.limits, price=lambda config: 10**9)
        scene.session._limits = expensive
        return self.start(scene, 0.01)

    def test_stops_a_trial_that_is_behind_and_gives_the_reason(self, tmp_path):
        scene = halved(tmp_path)
        assert self.start(scene, 0.9)[0]
        assert self.worst(scene) == [False]
        scene.session.on_end(1, None)
        ended = scene.session.status.trials[1]
        assert (ended.state, ended.stopped_at, ended.epochs) == ("pruned", 2, 2)
        assert ended.reason == "place 2 at the rung of epoch 2: the best 1 of 2 continue"
        assert (ended.score, ended.bill, ended.cost) == (0.01, {"warmup": 2}, None)
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
        """The first driver dies with two trials at the rung; a third one has ended."""
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
            "place 4 at the rung of epoch 2: the best 2 of 4 continue"
        )

    def test_does_not_judge_twice_a_trial_that_is_run_again(self, tmp_path):
        """The trial was to continue; trials that arrived later do not change that."""
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

    def test_is_judged_late_where_the_driver_died_before_the_report(self, tmp_path):
        """The checkpoint is beyond the rung, but the storage has no decision of it."""
        first = halved(tmp_path)
        self.start(first, 0.9)
        number = first.session.propose().number
        first.report(number, 1, 0.0)
        second = first.again()
        assert [second.session.propose().number for _ in range(2)] == [0, number]
        kept = second.session._state
        kept.put(renumbered(kept[number], predicted_cost=10**9))
        made = [epoch(each, 0.01) for each in (1, 2, 3)]
        assert not second.session.on_report(number, Report(made, {"warmup": 3}))
        assert second.session.status.trials[number].stopped_at == 2

    def test_does_not_hide_a_failure(self, tmp_path):
        scene = halved(tmp_path)
        self.start(scene, 0.9)
        self.worst(scene)
        scene.session.on_end(1, Failure(FailureKind.WORKER_LOST, "its worker process failed"))
        ended = scene.trials.records()[1]
        assert (ended.state, ended.reason) == ("failed", "its worker process failed")
        assert stopped(scene.trials.records()) == []
