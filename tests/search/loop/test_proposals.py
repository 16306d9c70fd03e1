"""Tests of proposals: budgets, limits, repetitions, and trials that a dead driver left."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState

from search.engine.jobs import Failure, FailureKind, Report
from search.loop.limits import Limits
from search.loop.proposals import MOST_REJECTED, MOST_REPEATS
from search.trials.repository import SearchTrials
from search.trials.totals import spent
from tests.search.loop.support import ONE_FIELD, Scene, halved
from tests.search.support import (
    database,
    epoch,
    new_search,
    renumbered,
    result,
    search_info,
)


class TestTheBudget:
    def test_is_what_is_started_and_no_more(self, tmp_path):
        scene = Scene(tmp_path, budget=3)
        assert not scene.session.over
        numbers = [scene.session.propose().number for _ in range(3)]
        assert numbers == [0, 1, 2]
        broken = Failure(FailureKind.RAISED, "broken")
        for number, end in enumerate([result(0.4), broken, result(0.5)]):
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
    """Trials that a dead or paused driver left running."""

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
        limits = Limits(price=lambda config: config.interval, trial=500)
        trials = new_search(tmp_path, ONE_FIELD, budget=5)
        asked = [trials.ask() for _ in range(6)]
        assert any(each.config.interval > 500 for each in asked)
        scene = Scene(tmp_path, SearchTrials.load(database(tmp_path), "trip"), limits)
        started = []
        while (job := scene.session.propose()) is not None:
            started.append(job)
            scene.train(job.number, 0.5)
        assert len(started) == 5
        assert all(each.config.interval <= 500 for each in started)
        assert {each.state for each in scene.trials.records()} == {"complete", "pruned"}

    def test_that_were_never_begun_are_settled_where_the_budget_is_used_up(self, tmp_path):
        """An answer of the database was lost, so a trial was created twice."""
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

    def test_that_a_rung_had_stopped_are_settled_and_not_run(self, tmp_path):
        """The driver died between the rung's decision and its report to Optuna."""
        first = halved(tmp_path, price=lambda config: 1)
        for accuracy, continues in ((0.9, True), (0.1, False)):
            number = first.session.propose().number
            first.report(number, 1, 0.0)
            assert first.report(number, 2, accuracy) == continues
        second = first.again()
        assert [second.session.propose().number for _ in range(2)] == [0, 2]
        ended = second.trials.records()[1]
        assert (ended.state, ended.stopped_at) == ("pruned", 2)
        assert ended.reason == "place 2 at the rung of epoch 2: the best 1 of 2 continue"

    def test_that_a_rung_had_stopped_after_a_pause_are_settled(self, tmp_path):
        """The outcome stored at the pause is older than the rung's decision."""
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


class TestAFlopsBudget:
    """Trials cost their interval, from 1 to 1000."""

    def budgeted(self, folder, flops):
        limits = Limits(price=lambda config: config.interval, total=flops)
        return Scene(folder, new_search(folder, ONE_FIELD, budget=100), limits)

    def spend(self, scene, job):
        bill = {"warmup": job.config.interval, "evaluation": 7}
        scene.session.on_report(job.number, Report([epoch(1, 0.5)], bill))
        outcome = replace(result(0.5), train_flops=job.config.interval, flops=bill)
        scene.session.on_end(job.number, outcome)

    @pytest.mark.parametrize("flops", [1, 900, 3000])
    def test_is_never_exceeded_and_ends_the_search(self, tmp_path, flops):
        scene, total = self.budgeted(tmp_path, flops), 0
        while (job := scene.session.propose()) is not None:
            total += job.config.interval
            self.spend(scene, job)
        assert scene.session.over
        assert total == spent(scene.trials.records()) <= flops
        last = scene.trials.records()[-1]
        assert last.rejected
        assert last.config.interval > flops - total

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
            scene.session.on_end(job.number, Failure(FailureKind.DIVERGED, "cheap"))
        job = scene.session.propose()
        assert job.number == waiting.number


class TestALimit:
    """The interval stands for the cost."""

    def limited(self, folder, most, **more):
        limits = Limits(price=lambda config: config.interval, trial=most)
        return Scene(folder, new_search(folder, ONE_FIELD, **more), limits)

    def test_rejects_more_expensive_proposals(self, tmp_path):
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
        rejected = [each for each in kept if each.rejected and each.state == "pruned"]
        assert rejected
        for each in rejected:
            assert each.state == "pruned"
            assert each.config.interval > 500
            assert "more than the 500 allowed" in each.reason
            assert each.run_id is None
            frozen = scene.frozen(each.number)
            assert frozen.state == TrialState.PRUNED
            assert frozen.constraints == {"max_flops": each.config.interval - 500}
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
        """The search is in memory, because it has many trials."""
        drawn = optuna.create_study(directions=["maximize", "minimize"])
        trials = SearchTrials(search_info(ONE_FIELD, sampler="random"), drawn, seed=0)
        scene = Scene(tmp_path, trials, Limits(lambda config: config.interval, trial=0.5))
        assert scene.session.propose() is None
        assert len(drawn.trials) == MOST_REJECTED
        assert {trial.state for trial in drawn.trials} == {TrialState.PRUNED}
        assert scene.session.over
        assert scene.tracker.calls == []


class TestARepetition:
    """The space has one field with few values, so proposals soon repeat."""

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

    def test_is_recorded_as_rejected(self, tmp_path):
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

    def test_of_a_failed_trial_is_trained(self, tmp_path):
        scene = self.few(tmp_path, 1, budget=3)
        scene.session.on_end(scene.session.propose().number, Failure(FailureKind.RAISED, "broken"))
        assert scene.session.propose().number == 1

    def test_of_a_stopped_trial_is_not_trained(self, tmp_path):
        trials = new_search(tmp_path, "[space]\ninterval = [1]", budget=3)
        scene = halved(tmp_path, trials)
        scene.session.propose()
        begun = scene.session._state[0]
        scene.session._state.put(renumbered(begun, state="pruned", stopped_at=2))
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
