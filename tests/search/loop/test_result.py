"""Tests of the result of a search, as scripts and Python read it."""

from __future__ import annotations

import json
import statistics

import pytest

import search
from search.loop.result import SearchResult, confirm
from search.trials.readings import Reading
from search.trials.trial_record import hypervolume_of
from swast.config import TrainConfig
from tests.search.support import UNIT, record, renumbered, search_info


def ended(number, *values, at=0, **more):
    return record(number, *values, ended=f"2026-11-21T10:00:{at or number:02}", **more)


def found(*trials):
    return SearchResult(search_info(budget=3, seed=5), trials, "finished", seconds=12.5)


def test_the_summary_has_what_scripts_rely_on():
    trials = (ended(0, 0.9, 0.5), ended(1, 0.8, 0.6), ended(2, 0.7, 0.05))
    summary = found(*trials).to_dict()
    assert json.loads(json.dumps(summary)) == summary | {"trials": summary["trials"]}
    assert list(summary) == [
        "name",
        "study",
        "budget",
        "sampler",
        "seed",
        "end",
        "trials",
        "stopped",
        "front",
        "candidates",
        "confirmed",
        "hypervolume",
        "reference_point",
        "cost_unit",
        "flops_spent",
        "history",
        "seconds",
    ]
    assert list(summary["history"][0]) == ["trial", "flops_spent", "hypervolume"]
    assert {name: summary[name] for name in ("name", "study", "budget", "sampler", "seed")} == {
        "name": "trip",
        "study": "tiny",
        "budget": 3,
        "sampler": "tpe",
        "seed": 5,
    }
    assert summary["front"] == [2, 0]
    assert summary["hypervolume"] == hypervolume_of(trials)
    assert summary["reference_point"] == {"accuracy": 0.0, "relative_flops": 1.0}
    assert summary["flops_spent"] == 11_500_000_000
    assert (summary["stopped"], summary["end"]) == (0, "finished")
    assert summary["cost_unit"]["train_flops"] == UNIT
    assert [trial["number"] for trial in summary["trials"]] == [0, 1, 2]


def test_its_history_grows_as_trials_ended_and_counts_what_all_of_them_cost():
    """Number 2 ended first, number 1 failed, and number 3 is running."""
    trials = (
        ended(0, 0.9, 0.5, at=7),
        ended(1, state="failed", at=6, bill={"warmup": 10}),
        ended(2, 0.7, 0.05, at=5),
        record(3, state="running"),
    )
    history = found(*trials).history
    assert [each.trial for each in history] == [2, 1, 0]
    assert [each.spent for each in history] == [500_000_000, 500_000_010, 5_500_000_010]
    values = [each.hypervolume for each in history]
    assert values[0] == values[1] == hypervolume_of(trials[2:3])
    assert values[2] == hypervolume_of(trials)


def test_its_table_has_a_row_a_trial_with_the_searched_settings_beside_the_values():
    trials = (
        ended(0, 0.9, 0.5, params={"interval": 2}, reference="dense"),
        ended(1, 0.8, 0.6, params={"interval": 3}),
    )
    one, two = found(*trials).table()
    assert (one["trial"], one["reference"], one["interval"], one["on_front"]) == (
        0,
        "dense",
        2,
        True,
    )
    assert (two["val_accuracy"], two["relative_flops"], two["on_front"]) == (0.8, 0.6, False)


class TestConfirmed:
    def member(self, number, flops, *accuracies):
        readings = {
            seed: Reading(accuracy, accuracy - 0.1, flops)
            for seed, accuracy in enumerate(accuracies)
        }
        return record(number, accuracies[0], readings=readings, config=TrainConfig(seed=0))

    def test_are_means_and_errors_without_the_selected_training(self):
        (made,) = confirm([self.member(4, 7, 0.9, 0.8, 0.85, 0.81)])
        rest = [0.8, 0.85, 0.81]
        assert (made.number, made.seeds, made.tests, made.cost_mean) == (4, (1, 2, 3), 3, 7)
        assert made.val_mean == pytest.approx(statistics.mean(rest))
        assert made.test_mean == pytest.approx(made.val_mean - 0.1)
        assert made.val_std == pytest.approx(statistics.stdev(rest))
        assert made.val_error == pytest.approx(statistics.stdev(rest) / 3**0.5)
        assert made.test_error == pytest.approx(made.val_error)
        assert made.on_front

    def test_have_no_error_of_one_training_and_no_test_score_that_was_not_read(self):
        unread = {1: Reading(0.8, None, 7)}
        (made,) = confirm([renumbered(self.member(4, 7, 0.9), readings=unread)])
        assert (made.val_mean, made.val_error, made.val_std) == (0.8, None, None)
        assert (made.test_mean, made.test_error, made.tests) == (None, None, 0)

    def test_leave_out_configurations_that_were_trained_once(self):
        assert confirm([self.member(0, 10, 0.8)]) == ()
        assert confirm([]) == ()
        result = found(renumbered(self.member(0, 10, 0.8, 0.7)))
        assert result.confirmed[0].number == 0
        assert list(result.to_dict()["confirmed"][0]) == [
            "number",
            "seeds",
            "val_mean",
            "val_std",
            "val_error",
            "test_mean",
            "test_std",
            "test_error",
            "tests",
            "flops_mean",
            "on_front",
        ]


def test_the_package_offers_it_by_name():
    assert search.SearchResult is SearchResult
    assert callable(search.run_search)
    with pytest.raises(AttributeError, match="no attribute 'run_serch'"):
        search.run_serch  # noqa: B018
