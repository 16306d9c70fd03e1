"""Further trainings and estimates in MLflow."""

from __future__ import annotations

import csv
import dataclasses
import io

import pytest

from search.objectives import STANDARD
from search.tracking.delete import remove_search
from search.tracking.description import describe, front_table
from search.tracking.runs import children
from search.trials.readings import Estimate
from search.trials.trial_record import front_of
from tests.search.replicated import replicated
from tests.search.support import search_info
from tests.search.tracking.stories import Story, new_store

MADE = Estimate(0.91234, 0.0123, 0.88, 0.93, 0.876, 2, 0.01)

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


def tell(story):
    """Train a configuration twice and another once, and begin a third, a repetition."""
    for number, repeats in enumerate([None, None, 0, 1]):
        story.start(number, repeats=repeats)
    for number, repeats in enumerate([None, None, 0]):
        story.train(number, 1)
        story.end(number, 0.9, 0.1 + number, repeats=repeats)
    estimated(story, MADE)
    story.publish(now=True)


def estimated(story, made, number=0):
    story.records[number] = dataclasses.replace(story.records[number], estimate=made)


def all_runs(story, uri=None):
    found = children(story.client, story.info.experiment_id, story.info.run_id)
    return {run.data.tags["trial"]: run for run in found}


class TestFurtherTrainings:
    def test_hang_under_the_first_one_and_are_found_from_the_search(self, story):
        tell(story)
        runs = all_runs(story)
        assert set(runs) == set("0123")
        for number, first in (("2", "0"), ("3", "1")):
            tags = runs[number].data.tags
            assert tags["mlflow.parentRunId"] == runs[first].info.run_id
            assert tags["repeats"] == first
            assert "rank" not in tags
        assert runs["0"].data.tags["mlflow.parentRunId"] == story.info.run_id
        assert {run.data.tags["trial"] for run in story.children()} == {"0", "1"}

    def test_are_taken_over_by_the_next_driver(self, story):
        tell(story)
        before = {number: run.info.run_id for number, run in all_runs(story).items()}
        story.driver()
        story.begin()
        story.end(3, 0.8, 0.2, repeats=1)
        assert story.tracker.close(0)
        assert {number: run.info.run_id for number, run in all_runs(story).items()} == before
        assert all_runs(story)["3"].info.status == "FINISHED"

    def test_hang_under_the_search_while_the_first_one_has_no_run(self, story):
        story.start(2, repeats=0)
        (run,) = story.children()
        assert run.data.tags["mlflow.parentRunId"] == story.info.run_id
        story.start(0)
        story.end(2, 0.9, 0.1, repeats=0)
        runs = all_runs(story)
        assert runs["2"].data.tags["mlflow.parentRunId"] == runs["0"].info.run_id

    def test_are_deleted_and_sent_again_with_their_search(self, story):
        tell(story)
        assert remove_search(story.uri, story.info) == 5
        assert all(run.info.lifecycle_stage == "deleted" for run in all_runs(story).values())
        story.driver().begin(story.info, list(story.records.values()), again=True)
        assert story.tracker.close(0)
        runs = all_runs(story)
        assert all(run.info.lifecycle_stage == "active" for run in runs.values())
        assert len(runs) == 4

    def test_are_sent_to_another_store_at_their_place(self, story, tmp_path):
        tell(story)
        other = Story(new_store(tmp_path), tmp_path, name=story.info.name)
        other.records = story.records
        other.tracker.begin(other.info, list(other.records.values()), again=True)
        assert other.tracker.close(0)
        place, run_id = other.tracker.place
        runs = {r.data.tags["trial"]: r for r in children(other.client, place, run_id)}
        assert runs["2"].data.tags["mlflow.parentRunId"] == runs["0"].info.run_id
        assert runs["0"].data.metrics["estimate"] == 0.9123


class TestEstimates:
    def test_are_metrics_and_tags_of_the_first_training(self, story):
        tell(story)
        found = story.run(0).data
        known = {
            name: found.metrics[name]
            for name in ("estimate", "estimate_error", "readings", "front_probability")
        }
        assert known == {
            "estimate": 0.9123,
            "estimate_error": 0.0123,
            "readings": 2,
            "front_probability": 0.88,
        }
        assert found.tags["pareto"] == "true"
        for chance, pareto, candidate in ((0.9, "true", None), (0.3, None, "true")):
            estimated(story, dataclasses.replace(MADE, front=chance), number=1)
            story.publish(now=True)
            tags = story.run(1).data.tags
            assert (tags.get("pareto"), tags.get("candidate")) == (pareto, candidate)

    def test_are_sent_only_if_they_change_as_rounded(self, story):
        tell(story)
        for change in (1e-6, -1e-6, 0.01):
            estimated(story, dataclasses.replace(MADE, score=MADE.score + change))
            story.publish(now=True)
            story.time.time += 100
            story.tracker.turn(now=True)
        run_id = story.run(0).info.run_id
        assert [value for _, value in story.curve(run_id, "estimate")] == [0.9123, 0.9223]
        assert len(story.curve(run_id, "readings")) == 1


def test_the_table_and_the_description_of_the_front_have_them():
    _, trials = replicated()
    members = front_of(trials)
    rows = list(csv.DictReader(io.StringIO(front_table(members, STANDARD))))
    assert [float(row["estimate"]) for row in rows] == [each.value for each in members]
    assert [int(row["readings"]) for row in rows] == [each.estimate.readings for each in members]
    assert float(rows[0]["val_accuracy"]) == members[0].score
    assert list(rows[0])[:3] == ["trial", "reference", "val_accuracy"]
    text = describe(search_info(), members, "7", "ab")
    made = members[0].estimate
    assert f"{100 * made.score:.2f} ± {100 * made.error:.2f}% ({made.readings})" in text
