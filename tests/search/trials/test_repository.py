"""Tests of searches and their trials in a real database, read with Optuna itself."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta

import optuna
import pytest
from optuna.trial import TrialState

from search.errors import RequestError
from search.trials.readings import Reading
from search.trials.repository import SearchTrials
from search.trials.stored_searches import search_names
from search.trials.trial_record import TrialRecord, front_of
from tests.search.samplers.support import every_sampler, optuna_study
from tests.search.support import (
    BARE,
    TINY,
    UNIT,
    database,
    finish,
    new_search,
    record,
    renumbered,
    search_info,
    study,
)


class TestReferences:
    @every_sampler
    def test_come_first_in_order_exactly_as_configured_on_the_searchs_device(
        self, tmp_path, sampler
    ):
        trials = new_search(tmp_path, sampler=sampler, device="cuda")
        asked = [trials.ask() for _ in range(3)]
        assert [(each.number, each.reference) for each in asked] == [
            (0, "small"),
            (1, "dense"),
            (2, None),
        ]
        for proposal in asked[:2]:
            configured = study().references[proposal.reference]
            assert proposal.config == configured.with_values({"device": "cuda"})
        assert asked[2].config.device == "cuda"

    def test_have_parameters_only_within_the_space(self, tmp_path):
        trials = new_search(tmp_path)
        finish(trials, (0.8, 0.1), (0.9, 1.0))
        small, dense = optuna_study(tmp_path).trials
        assert small.params == {
            "interval": 2,
            "coreset.scorer": "el2n",
            "coreset.fraction": 0.1,
            "prune.sparsity": 0.9,
            "preserve.weight?": 0.0,
        }
        assert dense.params == {}

    def test_within_a_range_with_further_values_have_both_parameters(self, tmp_path):
        source = TINY.replace("preserve.weight = 0.0", "preserve.weight = 0.5", 1)
        trials = new_search(tmp_path, source)
        assert trials.ask().config == study(source).references["small"].with_values(
            {"device": "cpu"}
        )
        params = optuna_study(tmp_path).trials[0].params
        assert (params["preserve.weight?"], params["preserve.weight"]) == ("range", 0.5)


class TestSettling:
    @pytest.mark.parametrize(
        ("state", "theirs"),
        [
            ("complete", TrialState.COMPLETE),
            ("pruned", TrialState.PRUNED),
            ("failed", TrialState.FAIL),
        ],
    )
    def test_reports_the_end_of_a_trial_to_optuna(self, tmp_path, state, theirs):
        trials = new_search(tmp_path)
        number = trials.ask().number
        trials.settle(record(number, 0.75, 0.25, state=state))
        frozen = optuna_study(tmp_path).trials[number]
        assert frozen.state == theirs
        assert frozen.values == ([0.75, 2_500_000_000] if state == "complete" else None)
        assert trials.running() == []

    def test_takes_no_accuracy_at_all_for_a_value(self, tmp_path):
        trials = new_search(tmp_path)
        trials.settle(record(trials.ask().number, accuracy=0.0))
        (frozen,) = optuna_study(tmp_path).get_trials(states=[TrialState.COMPLETE])
        assert frozen.values == [0.0, 10**9]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"score": math.nan},
            {"score": math.inf},
            {"score": None},
            {"cost": None},
        ],
    )
    def test_refuses_a_finished_trial_without_its_values(self, tmp_path, wrong):
        trials = new_search(tmp_path)
        number = trials.ask().number
        with pytest.raises(ValueError, match=f"trial {number}"):
            trials.settle(renumbered(record(number), **wrong))
        assert optuna_study(tmp_path).trials[number].state == TrialState.RUNNING
        assert trials.running() == [number]
        assert front_of(trials.records()) == []

    def test_early_values_of_a_stopped_trial_are_no_values(self, tmp_path):
        trials = new_search(tmp_path)
        finish(trials, (0.5, 0.5))
        trials.settle(record(trials.ask().number, 0.99, 0.01, state="pruned", epochs=2))
        assert [each.number for each in front_of(trials.records())] == [0]
        assert [each.number for each in optuna_study(tmp_path).best_trials] == [0]


class TestRecords:
    def test_keep_every_field(self, tmp_path):
        trials = new_search(tmp_path)
        proposal = trials.ask()
        trials.note(proposal.number, begun={"predicted_flops": 7}, retries=2)
        trials.note(
            proposal.number, verdict={"rungs": {2: 0.5}, "stopped_at": None, "reason": "x"}
        )
        trials.add_reading(proposal.number, 0, Reading(0.5, 0.25, 10))
        ended = TrialRecord(
            number=proposal.number,
            state="complete",
            params=study().searched(proposal.config),
            config=proposal.config,
            reference="small",
            score=1 / 3,
            cost=12_345_678_901_234_567,
            unit=UNIT,
            epochs=4,
            seconds=2.5,
            bill={"warmup": 10**17, "evaluation": 1},
            run_id="abc",
            reason="none",
            rejected=True,
            predicted_cost=7,
            retries=2,
            rungs={2: 0.5},
            readings={0: Reading(0.5, 0.25, 10)},
        )
        trials.settle(ended)
        (kept,) = trials.records()
        assert kept == renumbered(ended, ended=kept.ended)
        assert abs(datetime.fromisoformat(kept.ended) - datetime.now()) < timedelta(minutes=1)
        assert SearchTrials.load(database(tmp_path), "trip").records() == [kept]

    def test_leave_out_references_that_still_wait(self, tmp_path):
        trials = new_search(tmp_path)
        assert trials.records() == []
        trials.ask()
        (started,) = trials.records()
        assert (started.number, started.state, started.reference) == (0, "running", "small")
        assert started.config.coreset.fraction == 0.1


class TestOrphans:
    def test_come_back_with_their_number_and_configuration_and_can_be_settled(self, tmp_path):
        first = new_search(tmp_path)
        asked = [first.ask() for _ in range(4)]
        first.note(asked[1].number, begun={"predicted_flops": 7})
        first.settle(record(0))
        second = SearchTrials.load(database(tmp_path), "trip")
        orphans = second.orphans()
        assert [(each.number, each.config, each.reference) for each in orphans] == [
            (each.number, each.config, each.reference) for each in asked[1:]
        ]
        assert [each.begun for each in orphans] == [True, False, False]
        assert second.running() == [1, 2, 3]
        second.settle(record(1))
        second.settle(record(2, state="failed"))
        second.settle(record(3, state="pruned"))
        third = SearchTrials.load(database(tmp_path), "trip")
        assert third.orphans() == []
        assert [each.state for each in third.records()] == [
            "complete",
            "complete",
            "failed",
            "pruned",
        ]

    def test_that_died_before_they_had_a_configuration_get_one_in_the_space(self, tmp_path):
        new_search(tmp_path, BARE)
        optuna_study(tmp_path).ask()
        (orphan,) = SearchTrials.load(database(tmp_path), "trip").orphans()
        assert study(BARE).contains(orphan.config)

    def test_do_not_include_trials_asked_for_here(self, tmp_path):
        trials = new_search(tmp_path)
        trials.ask()
        assert trials.orphans() == []


class TestSearches:
    def test_are_loaded_as_they_were_created(self, tmp_path):
        trials = new_search(tmp_path, name="a", sampler="random", seed=3, budget=7)
        trials.remember(experiment_id="4", run_id="abc")
        again = SearchTrials.load(database(tmp_path), "a").info
        assert again == search_info(
            name="a", sampler="random", seed=3, budget=7, experiment_id="4", run_id="abc"
        )

    def test_optimise_accuracy_up_and_flops_down(self, tmp_path):
        new_search(tmp_path)
        found = optuna_study(tmp_path)
        assert [direction.name for direction in found.directions] == ["MAXIMIZE", "MINIMIZE"]

    def test_are_refused_a_name_that_is_taken(self, tmp_path):
        new_search(tmp_path)
        with pytest.raises(RequestError, match="a search named 'trip' exists; --resume trip"):
            new_search(tmp_path)

    def test_are_listed_where_a_name_is_unknown(self, tmp_path):
        new_search(tmp_path, name="one")
        new_search(tmp_path, name="two")
        with pytest.raises(RequestError, match="no search named 'three'; there are one, two"):
            SearchTrials.load(database(tmp_path), "three")
        assert search_names(database(tmp_path)) == ["one", "two"]

    @pytest.mark.parametrize("count", range(0, len(search_info().to_dict()), 3))
    def test_of_which_a_driver_died_before_it_was_whole_are_made_anew(
        self, tmp_path, monkeypatch, count
    ):
        """The driver is killed after it stored some of the facts."""
        keep, kept = optuna.Study.set_user_attr, []

        def dying(self, key, value):
            if len(kept) == count:
                raise KeyboardInterrupt
            kept.append(key)
            keep(self, key, value)

        monkeypatch.setattr(optuna.Study, "set_user_attr", dying)
        with pytest.raises(KeyboardInterrupt):
            new_search(tmp_path)
        monkeypatch.undo()
        assert search_names(database(tmp_path)) == []
        assert new_search(tmp_path, budget=3).info.budget == 3
        assert SearchTrials.load(database(tmp_path), "trip").info == search_info(budget=3)

    def test_never_take_the_place_of_others_studies(self, tmp_path):
        optuna.create_study(study_name="trip", storage=database(tmp_path)).ask()
        optuna.create_study(study_name="facts", storage=database(tmp_path)).set_user_attr("a", 1)
        optuna.create_study(study_name="empty", storage=database(tmp_path))
        before = optuna.get_all_study_summaries(database(tmp_path))
        for name in ("trip", "facts", "empty"):
            with pytest.raises(RequestError, match=f"a study named '{name}' that .* did not make"):
                new_search(tmp_path, name=name)
        after = optuna.get_all_study_summaries(database(tmp_path))
        assert [vars(each) for each in after] == [vars(each) for each in before]

    def test_lack_no_reference_after_their_driver_died_between_two(self, tmp_path, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(SearchTrials, "enqueue_references", lambda self: None)
            new_search(tmp_path)
        for _ in range(2):
            again = SearchTrials.load(database(tmp_path), "trip")
            again.enqueue_references()
        assert [again.ask().reference for _ in range(3)] == ["small", "dense", None]

    def test_are_not_what_others_keep_in_the_same_database(self, tmp_path):
        new_search(tmp_path)
        optuna.create_study(study_name="theirs", storage=database(tmp_path))
        with pytest.raises(RequestError, match=r"'theirs' .* was not made by swast-search"):
            SearchTrials.load(database(tmp_path), "theirs")
        assert search_names(database(tmp_path)) == ["trip"]

    @pytest.mark.parametrize("seed", [0, 1])
    def test_cannot_be_in_a_file_that_is_no_database(self, tmp_path, seed):
        path = tmp_path / "optuna.db"
        noise = random.Random(seed).randbytes(5000)
        path.write_bytes(noise)
        for use in (new_search, lambda folder: SearchTrials.load(database(folder), "trip")):
            with pytest.raises(RequestError, match=r"optuna\.db cannot be used") as caught:
                use(tmp_path)
            assert len(str(caught.value).splitlines()) == 1
        assert path.read_bytes() == noise

    @pytest.mark.parametrize("url", ["nonsense", "sqlite:////proc/nowhere/optuna.db"])
    def test_cannot_be_where_nothing_can_be_stored(self, url):
        with pytest.raises(RequestError, match=f"{url} cannot be used"):
            SearchTrials.create(url, search_info())


def test_a_trial_gets_the_run_that_mlflow_made_for_it_after_its_end(tmp_path):
    """The trial ended during an outage of MLflow."""
    trials = new_search(tmp_path)
    finish(trials, (0.9, 0.1), (0.8, 0.05))
    trials.complete_runs({0: "late"}.get)
    trials.complete_runs({0: "another", 1: "later"}.get)
    kept = SearchTrials.load(database(tmp_path), "trip").records()
    assert [record.run_id for record in kept] == ["late", "later"]
