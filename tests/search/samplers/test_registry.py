"""Tests of samplers in searches: proposals are in the space, learn, and follow their seed."""

from __future__ import annotations

import math
import random
from statistics import median

import optuna
import pytest

from search import cli
from search.driver import request
from search.samplers.parameters import sample
from search.samplers.problem import Problem
from search.samplers.registry import SAMPLERS, make_sampler, population, startup
from search.trials.repository import SearchTrials
from swast.config import TrainConfig
from tests.search.samplers.support import EVERY_WAY, ONE_FIELD, every_sampler, optuna_study
from tests.search.support import BARE, database, finish, new_search, record, study


class TestProposals:
    @pytest.mark.parametrize(("seed", "sampler"), list(enumerate(SAMPLERS)))
    def test_always_lie_in_the_space(self, tmp_path, sampler, seed):
        """Check the text of the study by hand; every other field has its fixed value.

        Of three trials one each ends as COMPLETE, PRUNED and FAIL.
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
            assert trials.info.study.contains(config)
            searched = trials.info.study.searched(config)
            assert TrainConfig().with_values({"device": "cpu", **searched}) == config
            state = ("complete", "pruned", "failed")[proposal.number % 3]
            ended = record(proposal.number, draw.random(), 10 ** -draw.random(), state=state)
            trials.settle(ended)
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
        """The dense reference is outside the space; the others still have parameters in common."""
        trials = new_search(tmp_path, sampler=sampler)
        finish(trials, (0.8, 0.1), (0.9, 1.0), (0.7, 0.2))
        found = optuna_study(tmp_path)
        assert found.trials[1].params == {}
        made = make_sampler(sampler, Problem(study().space), 0, 10)
        shared = made.infer_relative_search_space(found, found.ask())
        assert {"interval", "coreset.scorer", "coreset.fraction", "prune.sparsity"} <= set(shared)

    def test_learn_from_finished_trials(self, tmp_path):
        """Small intervals are better and cheaper here, and TPE learns to propose them."""
        trials = new_search(tmp_path, ONE_FIELD, budget=24)
        found = []
        for _ in range(24):
            proposal = trials.ask()
            found.append(proposal.config.interval)
            value = proposal.config.interval / 1000
            trials.settle(record(proposal.number, 1.01 - value, value))
        assert median(found[12:]) < median(found[:12]) / 2

    def test_learn_from_rejected_trials(self, tmp_path):
        """All costs exceed a limit; the sampler sees by how much, and proposes cheaper trials."""
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
        assert "|".join(SAMPLERS) in cli.search_parser().format_help()

    @pytest.mark.parametrize(
        ("budget", "random_trials", "generation"),
        [(1, 1, 4), (12, 4, 4), (30, 10, 6), (50, 10, 10), (60, 10, 12), (1000, 10, 50)],
    )
    def test_leave_most_of_the_budget_to_what_they_learn(self, budget, random_trials, generation):
        assert (startup(budget), population(budget)) == (random_trials, generation)

    def test_fill_the_space_evenly_with_qmc(self, tmp_path):
        """Each sixteenth of the range has two of 32 points of Sobol's sequence.

        The first trial is random, and the sequence starts at the second.
        """
        trials = new_search(tmp_path, EVERY_WAY, sampler="qmc", budget=33)
        found = finish(trials, *[(0.5, 0.1)] * 33)[1:]
        share = [math.log(each.config.coreset.fraction / 0.02, 25) for each in found]
        cells = [int(16 * each) for each in share]
        assert [cells.count(cell) for cell in range(16)] == [2] * 16

    def test_draw_at_random_where_that_is_asked_for(self, tmp_path):
        """One trial is drawn without the search's own sampler."""
        trials = new_search(tmp_path, ONE_FIELD, budget=24)
        finish(trials, *[(1 - place / 100, 0.1) for place in range(10)])
        drawn = make_sampler("random", Problem(study(ONE_FIELD).space), 10, 24)
        expected = optuna.create_study(sampler=drawn).ask().suggest_int("interval", 1, 1000)
        assert trials.ask(at_random=True).config.interval == expected


class TestSample:
    def test_is_drawn_from_the_space_by_seed(self):
        searched = study(EVERY_WAY)
        drawn = sample(searched.space, 20, seed=1)
        configs = [searched.configure(values) for values in drawn]
        assert all(map(searched.contains, configs))
        assert len(set(configs)) == 20
        assert sample(searched.space, 20, seed=1) == drawn
        assert sample(searched.space, 20, seed=2) != drawn
