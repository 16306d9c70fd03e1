"""Tests of trial records: only complete trials count, except in the cost of the search."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.objectives import choose
from search.pareto import dominates, hypervolume, ranks
from search.trials.readings import Reading
from search.trials.totals import promised, spent
from search.trials.trial_record import (
    State,
    TrialRecord,
    finished,
    front_of,
    hypervolume_of,
    knee_of,
    points,
    ranks_of,
    worthwhile,
)
from swast.config import TrainConfig
from tests.search.support import UNIT

UNFINISHED = sorted(set(get_args(State)) - {"complete"})


def trial(number: int, score: float | None, relative: float, state: State = "complete"):
    return TrialRecord(number=number, state=state, score=score, cost=relative * UNIT, unit=UNIT)


@st.composite
def searches(draw: st.DrawFn) -> list[TrialRecord]:
    size = draw(st.integers(0, 15))
    return [
        trial(
            number,
            draw(st.integers(0, 6)) / 6,
            10 ** (-draw(st.integers(0, 6)) / 2),
            draw(st.sampled_from(["complete", "complete", *UNFINISHED])),
        )
        for number in range(size)
    ]


class TestOnlyCompleteTrialsCount:
    @pytest.mark.parametrize("state", UNFINISHED)
    def test_a_partial_value_that_dominates_is_not_on_the_front(self, state):
        search = [trial(0, 0.9, 0.1), trial(1, 0.99, 0.001, state), trial(2, 0.95, 0.5)]
        assert [each.number for each in front_of(search)] == [0, 2]
        assert [each.number for each in finished(search)] == [0, 2]
        assert knee_of(search).number in (0, 2)
        assert hypervolume_of(search) == hypervolume_of([search[0], search[2]])

    @pytest.mark.parametrize("state", UNFINISHED)
    def test_a_search_without_any_has_no_front(self, state):
        assert front_of([trial(0, 0.9, 0.1, state)]) == []
        assert hypervolume_of([trial(0, 0.9, 0.1, state)]) == 0.0

    @given(searches())
    def test_the_front_is_what_no_finished_trial_dominates(self, search):
        done = [each for each in search if each.state == "complete"]
        expected = {
            each.number
            for each in done
            if not any(dominates(other.score, other.cost, each.score, each.cost) for other in done)
        }
        chosen = front_of(search)
        assert {each.number for each in chosen} == expected
        assert len(chosen) == len(expected)
        costs = [each.cost for each in chosen]
        assert costs == sorted(costs)

    @given(searches())
    def test_unfinished_trials_change_nothing(self, search):
        done = finished(search)
        assert front_of(search) == front_of(done)
        assert hypervolume_of(search) == hypervolume_of(done)
        if done:
            assert knee_of(search) == knee_of(done)
            assert knee_of(search) in front_of(search)


class TestPoints:
    def test_are_score_and_relative_cost(self):
        pairs = points([trial(0, 0.9, 0.1), trial(1, 0.8, 0.05)])
        assert pairs.tolist() == [[0.9, 0.8], [0.1, 0.05]]

    def test_of_no_trial_are_two_empty_rows(self):
        assert points([]).shape == (2, 0)
        assert hypervolume_of([]) == 0.0
        assert front_of([]) == []

    @given(searches())
    def test_are_what_the_hypervolume_measures(self, search):
        score, cost = points(finished(search))
        assert hypervolume_of(search) == hypervolume(score, cost)

    @given(searches())
    def test_have_the_ranks_of_the_trials(self, search):
        done = finished(search)
        expected = ranks([each.score for each in done], [each.cost for each in done])
        numbers = [each.number for each in done]
        assert ranks_of(search) == dict(zip(numbers, expected.tolist(), strict=True))


class TestWorthwhile:
    def test_leaves_out_scores_at_or_below_the_reference(self):
        search = [trial(0, 0.84, 0.01), trial(1, 0.9, 0.02), trial(2, 0.91, 0.5)]
        search += [trial(3, None, 0.5, "failed"), trial(4, 0.95, 0.5, "pruned")]
        kept = worthwhile(search, choose("train-flops", 0.9))
        assert [each.number for each in kept] == [2, 4]

    def test_leaves_them_out_of_the_knee_as_well(self):
        """A search of digits, whose reference is 90 %."""
        front = [(0.84, 1e-4), (0.89, 2e-4), (0.92, 1e-2), (0.94, 2e-2), (0.965, 5e-2), (0.97, 1)]
        search = [trial(number, *each) for number, each in enumerate(front)]
        assert knee_of(search, choose("train-flops", 0.9)).number == 4
        assert knee_of(search[:2], choose("train-flops", 0.9)).number == 1


class TestSpent:
    @pytest.mark.parametrize("state", get_args(State))
    def test_counts_every_state(self, state):
        bill = {"forward": 10, "backward": 20, "selection": 3}
        assert spent([TrialRecord(number=0, state=state, bill=bill)]) == 33

    def test_leaves_evaluation_out(self):
        bills = [{"forward": 5, "evaluation": 1000}, {"evaluation": 7}, {}]
        search = [
            TrialRecord(number=number, state="pruned", bill=bill)
            for number, bill in enumerate(bills)
        ]
        assert spent(search) == 5

    def test_counts_a_warm_up_that_trials_share_once(self):
        search = [
            TrialRecord(
                number=number, state="complete", bill={"warmup": 40, "training": 5}, shared=shared
            )
            for number, shared in enumerate((0, 40, 30))
        ]
        assert spent(search) == 45 + 5 + 15

    def test_is_exact_beyond_floating_point(self):
        search = [TrialRecord(number=0, state="complete", bill={"forward": 2**60 + 1})] * 2
        assert spent(search) == 2**61 + 2

    def test_of_no_trial_is_zero(self):
        assert spent([]) == 0

    def test_is_the_bill_so_far_and_not_the_schedule(self):
        stopped = TrialRecord(number=0, state="pruned", cost=10**12, bill={"forward": 7})
        assert spent([stopped]) == 7


class TestPromised:
    @pytest.mark.parametrize("state", get_args(State))
    def test_counts_open_trials_with_their_whole_schedule(self, state):
        """Every other trial counts with its bill, without the warm-up that others paid."""
        one = TrialRecord(
            number=0, state=state, predicted_cost=100, bill={"warmup": 9, "training": 5}, shared=4
        )
        assert promised([one, one]) == (200 if state in ("running", "paused") else 20)

    def test_has_no_prediction_where_no_limit_needed_one(self):
        assert promised([TrialRecord(number=0, state="running", bill={"warmup": 9})]) == 0


class TestTrialRecord:
    def test_label_names_the_reference(self):
        assert TrialRecord(number=3, state="complete").label == "#3"
        assert TrialRecord(number=3, state="complete", reference="dense").label == "#3 dense"

    def test_plain_values_are_those_of_version_0_1(self):
        """Scripts read these keys from the summary; there config is a dictionary."""
        config = TrainConfig().with_values({"coreset.fraction": 0.1})
        record = TrialRecord(
            number=1,
            state="failed",
            params={"coreset.fraction": 0.1},
            config=config,
            reference="paper",
            score=0.5,
            cost=2**70,
            unit=2**71,
            predicted_cost=2**69,
            bill={"forward": 2**70},
            shared=3,
            reason="out of memory",
            readings={0: Reading(0.5, 0.25, 2**70)},
        )
        values = json.loads(json.dumps(record.to_dict()))
        assert values == {
            "number": 1,
            "state": "failed",
            "params": {"coreset.fraction": 0.1},
            "config": json.loads(json.dumps(config.to_dict())),
            "reference": "paper",
            "accuracy": 0.5,
            "train_flops": 2**70,
            "relative_flops": 0.5,
            "epochs": 0,
            "seconds": None,
            "flops": {"forward": 2**70},
            "environment": {},
            "shared_flops": 3,
            "run_id": None,
            "reason": "out of memory",
            "rejected": False,
            "predicted_flops": 2**69,
            "rungs": {},
            "stopped_at": None,
            "retries": 0,
            "readings": {"0": {"val_accuracy": 0.5, "test_accuracy": 0.25, "train_flops": 2**70}},
            "ended": None,
            "test_accuracy": 0.25,
        }
        assert TrainConfig.from_dict(values["config"]) == config

    def test_of_a_trial_without_a_configuration_has_an_empty_table(self):
        assert TrialRecord(number=1, state="failed").to_dict()["config"] == {}

    def test_its_test_score_is_that_of_its_own_seed(self):
        """Readings of other seeds confirm it."""
        readings = {3: Reading(0.9, 0.8, 10), 4: Reading(0.7, 0.6, 10)}
        config = TrainConfig(seed=3)
        trial = TrialRecord(number=1, state="complete", config=config, readings=readings)
        assert trial.test_score == trial.to_dict()["test_accuracy"] == 0.8
        other = TrialRecord(number=1, state="complete", config=TrainConfig(seed=5))
        assert other.test_score is None

    def test_has_the_names_of_accuracy_and_flops_for_readers(self):
        one = trial(0, 0.9, 0.25)
        assert (one.accuracy, one.train_flops, one.relative_flops) == (0.9, UNIT / 4, 0.25)
        assert one.test_accuracy is None

    def test_has_no_relative_cost_without_a_cost_or_a_unit(self):
        assert TrialRecord(number=0, state="running", unit=UNIT).relative_cost is None
        assert TrialRecord(number=0, state="complete", cost=5).relative_cost is None

    def test_that_did_not_finish_is_drawn_at_its_predicted_cost(self):
        stopped = TrialRecord(number=0, state="pruned", unit=100, predicted_cost=150)
        assert (stopped.relative_cost, stopped.relative_prediction) == (None, 1.5)
        done = TrialRecord(number=0, state="complete", unit=100, predicted_cost=150, cost=120)
        assert done.relative_prediction == 1.2

    def test_does_not_change(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            TrialRecord(number=0, state="running").state = "complete"
