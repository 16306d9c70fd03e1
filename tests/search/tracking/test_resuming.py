"""Drivers that resume a search in MLflow, and runs that a user deleted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from search.trials.readings import Reading
from tests.search.support import epoch, record, search_info
from tests.search.tracking.stories import CONFIG, Story, new_store

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


class TestGoingOn:
    @pytest.fixture
    def abandoned(self, story):
        """Return a search of five trials that its driver abandoned."""
        for number in range(5):
            story.start(number)
            story.train(number, 1, 2)
        story.pause(3)
        story.end(4, 0.9, 0.5)
        story.publish(now=True)
        story.client.set_tag(story.tracker.run_of(4), "seen", "by a user")
        story.left = [story.tracker.run_of(number) for number in range(5)]
        return story

    def test_closes_the_runs_of_trials_that_had_ended(self, abandoned):
        """Their driver updated the storage, and died before it updated MLflow."""
        abandoned.epoch_log.extend(0, [epoch(made, made / 10) for made in (3, 4)])
        abandoned.records[0] = record(0, 0.4, 0.05, config=CONFIG)
        failed = {"state": "failed", "reason": "broken", "epochs": 2}
        abandoned.records[1] = record(1, 0.5, 0.5, config=CONFIG, **failed)
        abandoned.driver()
        abandoned.begin()
        runs = [abandoned.run(number) for number in range(5)]
        assert [run.info.run_id for run in runs] == abandoned.left
        assert [run.info.status for run in runs] == [
            "FINISHED",
            "FAILED",
            "RUNNING",
            "SCHEDULED",
            "FINISHED",
        ]
        assert [run.data.tags["state"] for run in runs] == [
            "complete",
            "failed",
            "running",
            "paused",
            "complete",
        ]
        assert runs[1].data.tags["reason"] == "broken"
        assert runs[0].data.metrics["relative_flops"] == 0.05
        assert abandoned.curve(runs[0].info.run_id, "val_accuracy") == [
            (made, made / 10) for made in range(1, 5)
        ]
        assert [run.data.tags.get("pareto") for run in runs] == ["true", None, None, None, "true"]
        assert runs[4].data.tags["seen"] == "by a user"

    def test_makes_runs_for_trials_that_have_none(self, abandoned):
        """They ended during an outage of MLflow."""
        abandoned.epoch_log.extend(5, [epoch(made, made / 10) for made in range(1, 5)])
        abandoned.records[5] = record(5, 0.4, 0.3, config=CONFIG)
        abandoned.records[6] = record(6, 0.4, 0.3, config=CONFIG, state="pruned", rejected=True)
        abandoned.records[7] = record(7, 0.4, 0.3, config=CONFIG, state="running")
        abandoned.driver()
        abandoned.begin()
        run = abandoned.run(5)
        assert run.info.status == "FINISHED"
        assert len(abandoned.curve(run.info.run_id, "val_accuracy")) == 4
        assert {run.data.tags["trial"] for run in abandoned.children()} == set("012345")
        assert abandoned.tracker.run_of(6) is None
        assert abandoned.tracker.run_of(7) is None
        abandoned.start(7)
        assert abandoned.run(7).info.status == "RUNNING"

    def test_adds_the_readings_that_a_dying_driver_did_not_send(self, story):
        """Each is there once, whatever the trial's run had of the others."""
        story.start(0)
        story.end(0, 0.9, 0.1)
        story.read(0, {"confirmed_val_accuracy": 0.81}, step=1)
        readings = {seed: Reading(0.8 + seed / 100, None, 7) for seed in (1, 2, 3)}
        story.records[0] = record(0, 0.9, 0.1, config=CONFIG, readings=readings)
        story.driver()
        story.begin()
        run_id = story.run(0).info.run_id
        assert story.curve(run_id, "confirmed_val_accuracy") == [
            (seed, each.score) for seed, each in readings.items()
        ]

    def test_keeps_the_older_of_two_runs_and_closes_what_nobody_knows(self, abandoned):
        info = abandoned.info
        tags = {"mlflow.parentRunId": info.run_id, "search_uid": info.uid}
        time.sleep(0.01)
        for trial in ("2", "99", "none"):
            abandoned.client.create_run(info.experiment_id, tags=tags | {"trial": trial})
        abandoned.driver()
        abandoned.begin()
        assert abandoned.run(2).info.run_id == abandoned.left[2]
        assert abandoned.run(99).info.status == "KILLED"
        assert len(abandoned.children()) == 7

    def test_finds_a_parent_that_the_storage_never_heard_of(self, abandoned):
        parent = abandoned.info.run_id
        abandoned.info = search_info(name=abandoned.info.name, uid=abandoned.info.uid)
        abandoned.driver()
        assert abandoned.begin() == parent
        assert len(abandoned.children()) == 5

    def test_restores_a_parent_that_was_deleted_and_no_trial(self, abandoned):
        abandoned.client.delete_run(abandoned.info.run_id)
        abandoned.client.delete_run(abandoned.left[4])
        abandoned.driver()
        parent = abandoned.info.run_id
        assert abandoned.begin() == parent
        assert abandoned.client.get_run(parent).info.status == "RUNNING"
        assert {run.info.run_id for run in abandoned.children()} == set(abandoned.left[:4])

    def test_finds_its_runs_in_an_experiment_that_got_another_name(self, tmp_path):
        story = Story(new_store(tmp_path), tmp_path)
        story.begin()
        story.start(0)
        story.end(0, 0.9, 0.1)
        story.client.rename_experiment(story.info.experiment_id, "mine")
        kept = story.info
        story.driver()
        story.begin()
        assert story.info == kept
        assert story.run(0).info.status == "FINISHED"

    def test_clears_away_files_that_a_dying_driver_left_half_written(self, abandoned):
        place = Path(abandoned.client.get_run(abandoned.info.run_id).info.artifact_uri[7:])
        left = [abandoned.folder / ".front.csv.7.partial", place / "plots/.front.csv.7.partial"]
        for path in left:
            path.write_text("trial,")
        abandoned.driver()
        abandoned.begin()
        assert not any(path.exists() for path in left)

    def test_starts_anew_in_another_store(self, abandoned, tmp_path):
        abandoned.uri = new_store(tmp_path)
        del abandoned.client
        abandoned.driver()
        abandoned.begin()
        (run,) = abandoned.children()
        assert run.data.tags["trial"] == "4"
        assert len(abandoned.curve(run.info.run_id, "val_accuracy")) == 2

    def test_changes_nothing_where_nothing_is_amiss(self, story):
        for number in range(6):
            story.start(number)
            story.train(number, 1, 2, 3, 4)
            story.end(number, 0.9 - number / 100, 0.5)
        story.publish(now=True)
        story.tracker.end_search("finished")
        assert story.tracker.close(0)
        before, calls = story.picture(), []

        def count(name, call):
            calls.append(name)
            return call()

        story.driver(count)
        story.begin()
        assert calls.count("search_runs") == 1
        reading = {"get_experiment", "get_run", "search_runs"}
        writing = [name for name in calls if name not in reading]
        assert writing == ["update_run", "log_batch"]  # the search's run is opened
        story.tracker.end_search("finished")
        assert story.picture() == before

    def test_another_search_of_the_study_shares_its_experiment(self, tale, story):
        assert story.info.experiment_id == tale.story.info.experiment_id


class TestARunThatAUserDeletes:
    def test_is_left_alone(self, story, capsys):
        for number in range(2):
            story.start(number)
        story.client.delete_run(story.tracker.run_of(0))
        for number in range(2):
            story.train(number, 1)
            story.end(number, 0.9 - number / 10, 0.5)
        story.publish(now=True)
        story.read(0, {"test_accuracy": 0.5})
        story.tracker.end_search("finished")
        assert story.tracker.close(0)
        (line,) = capsys.readouterr().err.splitlines()
        assert "trial 0" in line
        (left,) = story.children()
        assert (left.data.tags["trial"], left.info.status) == ("1", "FINISHED")

    def test_may_be_the_parent(self, story, capsys):
        story.start(0)
        story.client.delete_run(story.info.run_id)
        story.end(0, 0.9, 0.5)
        story.publish(now=True)
        story.start(1)
        story.tracker.end_search("finished")
        assert story.tracker.close(0)
        (line,) = capsys.readouterr().err.splitlines()
        assert "the search was deleted" in line
        assert len(story.children()) == 2
        assert (story.folder / "pareto.html").exists()

    def test_may_be_a_whole_experiment(self, tmp_path, capsys):
        story = Story(new_store(tmp_path), tmp_path)
        story.begin()
        story.client.delete_experiment(story.info.experiment_id)
        story.start(0)
        story.end(0, 0.9, 0.5)
        story.publish(now=True)
        assert story.tracker.close(0)
        assert len(capsys.readouterr().err.splitlines()) == 2
        story.driver()
        story.begin()
        assert story.run(0).info.status == "FINISHED"


def test_what_mlflow_never_takes_is_dropped_and_said(story, capsys):
    story.start(0)
    story.read(0, {"not | a name": 0.5})
    story.start(1)
    story.end(1, 0.9, 0.5)
    assert story.tracker.close(0)
    (line,) = capsys.readouterr().err.splitlines()
    assert "fails: Invalid value" in line
    assert line.endswith("; it lacks trial 0, and the search goes on")
    assert story.tracker.missing == ("trial 0",)
    assert story.run(1).info.status == "FINISHED"
