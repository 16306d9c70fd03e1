"""Only trials that made every epoch count, except for what they cost."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.pareto import dominates, hypervolume
from search.trials.trial_record import (
    Reading,
    State,
    TrialRecord,
    finished,
    front_of,
    hypervolume_of,
    knee_of,
    objectives,
)

UNFINISHED = sorted(set(get_args(State)) - {"complete"})


def trial(number: int, accuracy: float | None, flops: float | None, state: State = "complete"):
    return TrialRecord(number=number, state=state, accuracy=accuracy, relative_flops=flops)


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
            if not any(
                dominates(other.accuracy, other.relative_flops, each.accuracy, each.relative_flops)
                for other in done
            )
        }
        chosen = front_of(search)
        assert {each.number for each in chosen} == expected
        assert len(chosen) == len(expected)
        costs = [each.relative_flops for each in chosen]
        assert costs == sorted(costs)

    @given(searches())
    def test_unfinished_trials_change_nothing(self, search):
        done = finished(search)
        assert front_of(search) == front_of(done)
        assert hypervolume_of(search) == hypervolume_of(done)
        if done:
            assert knee_of(search) == knee_of(done)
            assert knee_of(search) in front_of(search)


class TestObjectives:
    def test_are_accuracy_and_relative_flops(self):
        pairs = objectives([trial(0, 0.9, 0.1), trial(1, 0.8, 0.05)])
        assert pairs.tolist() == [[0.9, 0.8], [0.1, 0.05]]

    def test_of_no_trial_are_two_empty_rows(self):
        assert objectives([]).shape == (2, 0)
        assert hypervolume_of([]) == 0.0
        assert front_of([]) == []

    @given(searches())
    def test_are_what_the_hypervolume_measures(self, search):
        accuracy, flops = objectives(finished(search))
        assert hypervolume_of(search) == hypervolume(accuracy, flops)


class TestFlopsSpent:
    @pytest.mark.parametrize("state", get_args(State))
    def test_counts_every_state(self, state):
        bill = {"forward": 10, "backward": 20, "selection": 3}
        assert spent([TrialRecord(number=0, state=state, flops=bill)]) == 33

    def test_leaves_evaluation_out(self):
        bills = [{"forward": 5, "evaluation": 1000}, {"evaluation": 7}, {}]
        search = [
            TrialRecord(number=number, state="pruned", flops=bill)
            for number, bill in enumerate(bills)
        ]
        assert spent(search) == 5

    def test_counts_a_warm_up_that_trials_share_once(self):
        search = [
            TrialRecord(
                number=number, state="complete", flops={"warmup": 40, "training": 5}, **more
            )
            for number, more in enumerate(({}, {"shared_flops": 40}, {"shared_flops": 30}))
        ]
        assert spent(search) == 45 + 5 + 15

    def test_is_exact_beyond_floating_point(self):
        search = [TrialRecord(number=0, state="complete", flops={"forward": 2**60 + 1})] * 2
        assert spent(search) == 2**61 + 2

    def test_of_no_trial_is_zero(self):
        assert spent([]) == 0

    def test_is_the_bill_so_far_and_not_the_schedule(self):
        stopped = TrialRecord(number=0, state="pruned", train_flops=10**12, flops={"forward": 7})
        assert spent([stopped]) == 7


class TestTrialRecord:
    def test_label_names_the_reference(self):
        assert TrialRecord(number=3, state="complete").label == "#3"
        assert TrialRecord(number=3, state="complete", reference="dense").label == "#3 dense"

    def test_plain_values_are_a_record_again(self):
        record = TrialRecord(
            number=1,
            state="failed",
            params={"coreset.fraction": 0.1},
            config={"coreset": {"fraction": 0.1}},
            reference="paper",
            flops={"forward": 2**70},
            reason="out of memory",
        )
        values = json.loads(json.dumps(record.to_dict()))
        assert values.pop("test_accuracy") is None
        assert TrialRecord(**values) == record

    def test_its_test_accuracy_is_that_of_its_own_seed(self):
        """The others confirm it."""
        readings = {3: Reading(0.9, 0.8, 10), 4: Reading(0.7, 0.6, 10)}
        trial = TrialRecord(number=1, state="complete", config={"seed": 3}, readings=readings)
        assert trial.test_accuracy == trial.to_dict()["test_accuracy"] == 0.8
        assert TrialRecord(number=1, state="complete", config={"seed": 5}).test_accuracy is None

    def test_does_not_change(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            TrialRecord(number=0, state="running").state = "complete"
