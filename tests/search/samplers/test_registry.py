"""Searches and their trials in a real database, looked at with Optuna itself."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from statistics import median

import optuna
import pytest
from optuna.trial import TrialState

from search import cli
from search.driver import request
from search.errors import RequestError
from search.samplers.parameters import inside, sample
from search.samplers.registry import SAMPLERS, make_sampler, population, startup
from search.trials.repository import SearchTrials, search_names
from search.trials.trial_record import Reading, TrialRecord, front_of
from swast.config import TrainConfig
from tests.search.support import (
    BARE,
    TINY,
    database,
    finish,
    new_search,
    record,
    renumbered,
    search_info,
    study,
)

EVERY_WAY = """
[space]
interval = { low = 1, high = 9, step = 2 }
warmup_epochs = [1, 3]
[space.coreset]
scorer = ["random", "el2n", "moderate"]
balanced = [true, false]
fraction = { low = 0.02, high = 0.5, log = true }
[space.prune]
sparsity = { low = 0.1, high = 0.9, step = 0.1 }
update_interval = { low = 10, high = 1000, log = true, also = [0] }
[space.preserve]
weight = { low = 0.01, high = 3.0, log = true, also = [0.0, 10.0] }
"""

ONE_FIELD = "[space]\ninterval = { low = 1, high = 1000 }"

every_sampler = pytest.mark.parametrize("sampler", sorted(SAMPLERS))


def optuna_study(folder, name="trip"):
    """The search as Optuna sees it."""
    return optuna.load_study(study_name=name, storage=database(folder))


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

    def test_teach_the_sampler_only_where_they_lie_in_the_space(self, tmp_path):
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

    def test_within_a_range_that_has_further_values_are_taught_as_of_the_range(self, tmp_path):
        source = TINY.replace("preserve.weight = 0.0", "preserve.weight = 0.5", 1)
        trials = new_search(tmp_path, source)
        assert trials.ask().config == study(source).references["small"].with_values(
            {"device": "cpu"}
        )
        params = optuna_study(tmp_path).trials[0].params
        assert (params["preserve.weight?"], params["preserve.weight"]) == ("range", 0.5)


class TestProposals:
    @pytest.mark.parametrize(("seed", "sampler"), list(enumerate(SAMPLERS)))
    def test_always_lie_in_the_space(self, tmp_path, sampler, seed):
        """Checked against the text of the study by hand, and all else is as fixed.

        Of three trials one is told COMPLETE, PRUNED and FAIL each.
        """
        trials = new_search(tmp_path, EVERY_WAY, sampler=sampler, seed=seed, budget=30)
        draw = random.Random(seed)
        weights = set()
        for _ in range(30):
            proposal = trials.ask()
            config = proposal.config
            assert config.interval in (1, 3, 5, 7, 9)
            assert config.warmup_epochs in (1, 3)
            assert config.coreset.scorer in ("random", "el2n", "moderate")
            assert config.coreset.balanced in (True, False)
            assert 0.02 <= config.coreset.fraction <= 0.5
            assert round(config.prune.sparsity, 9) in [tenth / 10 for tenth in range(1, 10)]
            assert config.prune.update_interval in {0, *range(10, 1001)}
            weight = config.preserve.weight
            assert weight in (0.0, 10.0) or 0.01 <= weight <= 3.0
            weights.add(weight if weight in (0, 10) else "range")
            assert inside(trials.info.study, config)
            searched = trials.info.study.searched(config)
            assert TrainConfig().with_values({"device": "cpu", **searched}) == config
            state = ("complete", "pruned", "failed")[proposal.number % 3]
            told = record(proposal.number, draw.random(), 10 ** -draw.random(), state=state)
            trials.settle(told)
        assert {0.0, 10.0, "range"} == weights

    @every_sampler
    def test_are_the_same_for_the_same_seed_and_others_for_another(self, tmp_path, sampler):
        def asked(name, seed):
            trials = new_search(tmp_path, BARE, name=name, sampler=sampler, seed=seed)
            found = finish(trials, *[(0.5 + place / 100, 0.1) for place in range(4)])
            for state in ("pruned", "failed", "complete"):
                found.append(trials.ask())
                trials.settle(record(found[-1].number, state=state))
            return [proposal.config for proposal in found]

        first = asked("one", 7)
        assert asked("two", 7) == first
        assert asked("three", 8) != first

    @every_sampler
    def test_of_a_resumed_search_are_not_the_first_draws_again(self, tmp_path, sampler):
        trials = new_search(tmp_path, BARE, sampler=sampler)
        before = finish(trials, *[(0.5, 0.1)] * 3)
        again = SearchTrials.load(database(tmp_path), "trip")
        after = finish(again, *[(0.5, 0.1)] * 3)
        assert [proposal.number for proposal in after] == [3, 4, 5]
        assert len({proposal.config for proposal in (*before, *after)}) == 6

    @pytest.mark.parametrize("sampler", ["gp", "nsga2", "nsga3", "qmc"])
    def test_are_made_jointly_although_a_reference_has_no_parameters(self, tmp_path, sampler):
        """The dense one lies outside the space; what the others have in common is still seen."""
        trials = new_search(tmp_path, sampler=sampler)
        finish(trials, (0.8, 0.1), (0.9, 1.0), (0.7, 0.2))
        found = optuna_study(tmp_path)
        assert found.trials[1].params == {}
        shared = make_sampler(sampler, 0, 10).infer_relative_search_space(found, found.ask())
        assert {"interval", "coreset.scorer", "coreset.fraction", "prune.sparsity"} <= set(shared)

    def test_learn_from_what_they_were_told(self, tmp_path):
        """Where small intervals are better and cheaper, TPE comes to propose them."""
        trials = new_search(tmp_path, ONE_FIELD, budget=24)
        found = []
        for _ in range(24):
            proposal = trials.ask()
            found.append(proposal.config.interval)
            value = proposal.config.interval / 1000
            trials.settle(record(proposal.number, 1.01 - value, value))
        assert median(found[12:]) < median(found[:12]) / 2

    def test_learn_from_what_was_too_dear_to_start(self, tmp_path):
        """All costs are above a limit, and the sampler is told by how much: it turns to less."""
        trials = new_search(tmp_path, ONE_FIELD)
        costs = []
        for _ in range(24):
            proposal = trials.ask()
            costs.append(proposal.config.interval)
            trials.constrain(proposal.number, costs[-1] - 0.5)
            trials.settle(record(proposal.number, state="pruned", rejected=True))
        assert median(costs[12:]) < median(costs[:12]) / 2


class TestSamplers:
    def test_are_those_that_the_command_offers(self):
        assert list(SAMPLERS) == list(request.SAMPLERS)
        assert ",".join(SAMPLERS) in cli.search_parser().format_help()

    @pytest.mark.parametrize(
        ("budget", "random_trials", "generation"),
        [(1, 1, 4), (12, 4, 4), (30, 10, 6), (50, 10, 10), (60, 10, 12), (1000, 10, 50)],
    )
    def test_leave_most_of_the_budget_to_what_they_learn(self, budget, random_trials, generation):
        assert (startup(budget), population(budget)) == (random_trials, generation)

    def test_fill_the_space_evenly_with_qmc(self, tmp_path):
        """Of 32 draws by Sobol's sequence every sixteenth of the range has two, in any order.

        The first is drawn at random, and the sequence starts at the second.
        """
        trials = new_search(tmp_path, EVERY_WAY, sampler="qmc", budget=33)
        found = finish(trials, *[(0.5, 0.1)] * 33)[1:]
        share = [math.log(each.config.coreset.fraction / 0.02, 25) for each in found]
        cells = [int(16 * each) for each in share]
        assert [cells.count(cell) for cell in range(16)] == [2] * 16

    def test_draw_at_random_where_that_is_asked_for(self, tmp_path):
        """A sampler that would find them is put aside for one trial."""
        trials = new_search(tmp_path, ONE_FIELD, budget=24)
        finish(trials, *[(1 - place / 100, 0.1) for place in range(10)])
        drawn = make_sampler("random", 10, 24)
        expected = optuna.create_study(sampler=drawn).ask().suggest_int("interval", 1, 1000)
        assert trials.ask(at_random=True).config.interval == expected


class TestSettling:
    @pytest.mark.parametrize(
        ("state", "told"),
        [
            ("complete", TrialState.COMPLETE),
            ("pruned", TrialState.PRUNED),
            ("failed", TrialState.FAIL),
        ],
    )
    def test_tells_optuna_how_a_trial_ended(self, tmp_path, state, told):
        trials = new_search(tmp_path)
        number = trials.ask().number
        trials.settle(record(number, 0.75, 0.25, state=state))
        frozen = optuna_study(tmp_path).trials[number]
        assert frozen.state == told
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
            {"accuracy": math.nan},
            {"accuracy": math.inf},
            {"accuracy": None},
            {"train_flops": None},
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
        told = TrialRecord(
            number=proposal.number,
            state="complete",
            params=study().searched(proposal.config),
            config=proposal.config.to_dict(),
            reference="small",
            accuracy=1 / 3,
            train_flops=12_345_678_901_234_567,
            relative_flops=0.1 + 0.2,
            epochs=4,
            seconds=2.5,
            flops={"warmup": 10**17, "evaluation": 1},
            run_id="abc",
            reason="none",
            rejected=True,
            predicted_cost=7,
            retries=2,
            rungs={2: 0.5},
            readings={0: Reading(0.5, 0.25, 10)},
        )
        trials.settle(told)
        (kept,) = trials.records()
        assert kept == renumbered(told, ended=kept.ended)
        assert abs(datetime.fromisoformat(kept.ended) - datetime.now()) < timedelta(minutes=1)
        assert SearchTrials.load(database(tmp_path), "trip").records() == [kept]

    def test_leave_out_references_that_still_wait(self, tmp_path):
        trials = new_search(tmp_path)
        assert trials.records() == []
        trials.ask()
        (started,) = trials.records()
        assert (started.number, started.state, started.reference) == (0, "running", "small")
        assert TrainConfig.from_dict(started.config).coreset.fraction == 0.1


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
        assert inside(study(BARE), orphan.config)

    def test_are_not_what_was_asked_for_here(self, tmp_path):
        trials = new_search(tmp_path)
        trials.ask()
        assert trials.orphans() == []


class TestSearches:
    def test_are_taken_up_as_they_were_made(self, tmp_path):
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
        """Killed after some of the facts that it keeps."""
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
        for name in ("trip", "facts"):
            with pytest.raises(RequestError, match=f"a search named '{name}' exists"):
                new_search(tmp_path, name=name)

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


class TestSample:
    def test_is_drawn_from_the_space_by_seed(self):
        space = study(EVERY_WAY)
        drawn = sample(space, 20, seed=1)
        assert all(inside(space, config) for config in drawn)
        assert len(set(drawn)) == 20
        assert sample(space, 20, seed=1) == drawn
        assert sample(space, 20, seed=2) != drawn


def test_a_trial_gets_the_run_that_mlflow_made_for_it_after_its_end(tmp_path):
    """It had ended while MLflow was away."""
    trials = new_search(tmp_path)
    finish(trials, (0.9, 0.1), (0.8, 0.05))
    trials.complete_runs({0: "late"}.get)
    trials.complete_runs({0: "another", 1: "later"}.get)
    kept = SearchTrials.load(database(tmp_path), "trip").records()
    assert [record.run_id for record in kept] == ["late", "later"]
