"""Tests of stored facts: searches of version 0.1 open, and their keys are still written."""

from __future__ import annotations

import json
import math

import optuna
import pytest

from search.objectives import STANDARD
from search.trials.readings import Reading
from search.trials.repository import SearchTrials
from search.trials.serialization import begun_of, outcome_of
from search.trials.trial_record import TrialRecord, front_of, ranks_of
from tests.search.support import BARE, UNIT, database, study

SOURCE = BARE.replace("[space]\n", '[space]\nepochs = [2, 4]\nmodel = ["mlp-small", "lenet-5"]\n')
FACTS = {
    "uid": "0f",
    "study": "tiny",
    "source": SOURCE,
    "device": "cpu",
    "sampler": "random",
    "seed": 0,
    "budget": 9,
    "max_flops": None,
    "flops_budget": None,
    "confirm_seeds": 0,
    "experiment_id": None,
    "run_id": None,
    "tracking_uri": None,
}
"""Facts of a search of version 0.1, which had no unit."""
OUTCOME = {
    "accuracy": 0.8,
    "train_flops": 10**9,
    "relative_flops": 0.1,
    "epochs": 4,
    "seconds": 1.5,
    "flops": {"warmup": 10**9, "evaluation": 7},
    "environment": {},
    "shared_flops": 3,
    "reason": None,
    "rejected": False,
    "stopped_at": None,
    "run_id": None,
}
"""An outcome of version 0.1."""
FIXED, SHORT, LENET = {}, {"epochs": 2}, {"model": "lenet-5"}


def load(folder, *trials, **facts):
    """Store trials as version 0.1 did, and load the search.

    Args:
        folder: for the database.
        trials: for each its changes to ``[fixed]``, accuracy, cost, and relative cost by the dense
            training of its own network and epochs.
        facts: further facts of the search.
    """
    stored = optuna.create_study(
        study_name="old", storage=database(folder), directions=["maximize", "minimize"]
    )
    for key, value in (FACTS | facts).items():
        stored.set_user_attr(key, value)
    for changes, accuracy, cost, relative in trials:
        config = study(SOURCE).fixed.with_values(changes).to_dict()
        values = {"accuracy": accuracy, "train_flops": cost, "relative_flops": relative}
        facts_of_trial = {"config": config, "begun": {}, "outcome": OUTCOME | values}
        stored.add_trial(
            optuna.trial.create_trial(values=[accuracy, cost], user_attrs=facts_of_trial)
        )
    return SearchTrials.load(database(folder), "old")


class TestASearchOfVersion01:
    def test_has_its_facts_and_records(self, tmp_path):
        trials = load(tmp_path, (FIXED, 0.8, 10**9, 0.1))
        assert trials.info.max_flops == trials.info.flops_budget == math.inf
        (record,) = trials.records()
        assert (record.score, record.cost, record.unit) == (0.8, 10**9, UNIT)
        assert (record.bill, record.shared) == (OUTCOME["flops"], 3)
        assert record.config == study(SOURCE).fixed

    @pytest.mark.parametrize("other", [SHORT, LENET])
    def test_has_the_unit_of_a_trial_with_the_fixed_network_and_epochs(self, tmp_path, other):
        """The first trial was divided by its own dense training, which costs half of the unit."""
        trials = load(tmp_path, (other, 0.8, 10**9, 0.2), (FIXED, 0.9, 5 * 10**9, 0.5))
        assert trials.info.unit == UNIT
        first, fixed = trials.records()
        assert (first.relative_cost, fixed.relative_cost) == (0.1, 0.5)
        assert [each.number for each in front_of([first, fixed])] == [0, 1]

    def test_without_such_a_trial_has_no_unit_and_the_relative_costs_that_it_stored(
        self, tmp_path
    ):
        trials = load(tmp_path, (SHORT, 0.8, 10**9, 0.2))
        assert trials.info.unit is None
        assert [each.relative_cost for each in trials.records()] == [0.2]

    def test_without_such_a_trial_has_the_front_of_absolute_costs(self, tmp_path):
        """The second trial costs twice as much, and half as much relative to its own unit."""
        trials = load(tmp_path, (SHORT, 0.8, 10**9, 0.2), (LENET, 0.9, 2 * 10**9, 0.1))
        records = trials.records()
        assert [each.relative_cost for each in records] == [0.2, 0.1]
        assert [each.number for each in front_of(records)] == [0, 1]
        assert ranks_of(records) == {0: 0, 1: 0}

    @pytest.mark.parametrize(("cost", "relative"), [(None, None), (0, 0.0)])
    def test_ignores_trials_without_a_cost_for_the_unit(self, tmp_path, cost, relative):
        changed = {"config": study(SOURCE).fixed.to_dict()}
        outcome = OUTCOME | {"train_flops": cost, "relative_flops": relative}
        load(tmp_path)
        stored = optuna.load_study(study_name="old", storage=database(tmp_path))
        failed = optuna.trial.create_trial(
            state=optuna.trial.TrialState.FAIL, user_attrs=changed | {"outcome": outcome}
        )
        stored.add_trial(failed)
        trials = SearchTrials.load(database(tmp_path), "old")
        assert trials.info.unit is None
        assert [each.relative_cost for each in trials.records()] == [None]

    def test_keeps_a_unit_that_is_stored(self, tmp_path):
        trials = load(tmp_path, (FIXED, 0.8, 10**9, 0.1), unit=2 * UNIT)
        assert trials.info.unit == 2 * UNIT
        assert trials.records()[0].relative_cost == 0.05

    def test_has_its_readings(self, tmp_path):
        values = {"val_accuracy": 0.8, "test_accuracy": 0.75, "train_flops": 10**9}
        trials = load(tmp_path, (FIXED, 0.8, 10**9, 0.1), **{"reading-0-7": values})
        assert trials.records()[0].readings == {7: Reading(0.8, 0.75, 10**9)}

    def test_has_readings_whose_networks_were_not_read_on_the_test_set(self, tmp_path):
        trials = load(tmp_path, (FIXED, 0.8, 10**9, 0.1))
        unread = Reading(0.8, None, 10**9)
        trials.add_reading(0, 7, unread)
        assert trials.records()[0].readings == {7: unread}


def test_outcomes_have_the_keys_of_version_0_1():
    record = TrialRecord(
        number=0,
        state="complete",
        score=0.8,
        cost=10**9,
        unit=UNIT,
        epochs=4,
        seconds=1.5,
        bill=OUTCOME["flops"],
        shared=3,
        predicted_cost=5,
    )
    assert json.loads(json.dumps(outcome_of(record, STANDARD))) == OUTCOME
    assert begun_of(record) == {"predicted_flops": 5}
