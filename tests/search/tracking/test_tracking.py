"""A search in a real MLflow store, looked at with MLflow's own client."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import math
import random
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest

from search.errors import RequestError
from search.store.epoch_log import EpochLog
from search.study.study_file import read_study, shipped
from search.tracking import tracker
from search.tracking.delete import remove_search
from search.tracking.description import MOST_TEXT, describe, front_table
from search.tracking.saved_view import envelope
from search.tracking.tracker import DRAWING_SHARE, PUBLISH_SECONDS, RANK_SECONDS, Tracker
from search.trials.trial_record import hypervolume_of
from swast.config import flatten, parse_toml
from tests.search.support import epoch, record, search_info, study, tree
from tests.search.tracking.stories import CONFIG, Story, new_store

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


@pytest.fixture
def story(home, uri, request):
    """A search of its own in the store that all share."""
    story = Story(uri, home, name=request.node.name.partition("[")[0][:60])
    story.begin()
    return story


@pytest.fixture(scope="module")
def tale(home, uri):
    """A search of five trials, told as a session does, and what was to be seen on the way."""
    story = Story(uri, home, name="trip", budget=5, seed=3)
    parent = story.begin()
    fronts, notes = [], []

    def end(number, *point, **more):
        story.end(number, *point, **more)
        if story.records[number].state == "complete":
            story.publish(now=True)
            wanted = f"tags.pareto = 'true' AND tags.search_uid = '{story.info.uid}'"
            found = story.client.search_runs([story.info.experiment_id], wanted)
            fronts.append({int(run.data.tags["trial"]) for run in found})
            notes.append(story.client.get_run(parent).data.tags["mlflow.note.content"])

    for number, reference in enumerate(["small", None, None, None, None]):
        story.start(number, reference=reference)
    for made in range(1, 5):
        for number in range(2):
            story.train(number, made)
    end(0, 0.6, 0.1)
    end(1, 0.9, 0.5)
    end(2, 0.7, 0.05)
    end(3, 0.99, 0.001, state="pruned", reason="stopped", epochs=2, stopped_at=2)
    end(4, 0.99, 0.001, state="failed", reason="out of memory", epochs=1)
    story.tracker.end_search("finished")
    assert story.tracker.close(0)
    runs = [story.tracker.run_of(number) for number in range(5)]
    return SimpleNamespace(
        story=story, client=story.client, parent=parent, runs=runs, fronts=fronts, notes=notes
    )


class TestTheParentRun:
    def test_lies_in_the_experiment_of_its_study(self, tale):
        experiment = tale.client.get_experiment(tale.story.info.experiment_id)
        assert experiment.name == "tiny"
        run = tale.client.get_run(tale.parent)
        assert run.info.run_name == "trip"
        assert run.data.params == {"budget": "5", "sampler": "tpe", "seed": "3"}
        assert run.data.tags["study"] == "tiny"
        assert run.data.tags["search_uid"] == "uid-trip"
        assert "mlflow.parentRunId" not in run.data.tags

    def test_keeps_the_study_file(self, tale, tmp_path):
        kept = tale.client.download_artifacts(tale.parent, "study.toml", str(tmp_path))
        assert Path(kept).read_text(encoding="utf-8") == study().source

    def test_follows_front_hypervolume_and_flops(self, tale):
        records = list(tale.story.records.values())
        curve = tale.story.curve
        assert curve(tale.parent, "front_size") == [(1, 1), (2, 2), (3, 2)]
        assert curve(tale.parent, "hypervolume") == [
            (count, pytest.approx(hypervolume_of(records[:count]))) for count in (1, 2, 3)
        ]
        assert curve(tale.parent, "flops_spent") == [(1, 1e9), (2, 6e9), (3, 6.5e9)]

    def test_is_described_by_its_front(self, tale):
        note = tale.notes[-1]
        assert "Search **trip** of study **tiny**, 5 trials" in note
        rows = [line for line in note.splitlines() if line.startswith("| #")]
        assert rows == ["| #2 | 70.00% | 0.0500 | 5e+08 |", "| #1 | 90.00% | 0.5000 | 5e+09 |"]
        assert "#0 small" in tale.notes[0]

    def test_holds_the_plots_and_the_table(self, tale, tmp_path):
        tale.client.download_artifacts(tale.parent, "plots", str(tmp_path))
        assert sorted(tree(tmp_path / "plots")) == ["front.csv", "pareto.html", "pareto.png"]
        kept = {name: tree(tale.story.folder)[name] for name in tree(tmp_path / "plots")}
        assert tree(tmp_path / "plots") == kept
        assert (tmp_path / "plots" / "pareto.png").read_bytes().startswith(b"\x89PNG")
        assert "trip" in (tmp_path / "plots" / "pareto.html").read_text()

    @pytest.mark.parametrize(
        ("end", "status"), [("finished", "FINISHED"), ("failed", "FAILED"), ("paused", "KILLED")]
    )
    def test_ends_as_the_search_did_and_is_opened_again(self, story, end, status):
        def shows():
            run = story.client.get_run(story.info.run_id)
            return run.info.status, run.data.tags["state"]

        assert shows() == ("RUNNING", "running")
        story.tracker.end_search(end)
        assert shows() == (status, end)
        story.driver()
        story.begin()
        assert shows() == ("RUNNING", "running")


class TestTrialRuns:
    def test_lie_under_the_parent(self, tale):
        found = tale.story.children()
        assert {run.info.run_id for run in found} == set(tale.runs)
        assert {run.data.tags["trial"] for run in found} == set("01234")
        assert {run.data.tags["search_uid"] for run in found} == {"uid-trip"}

    def test_are_named_by_number_and_reference(self, tale):
        runs = [tale.client.get_run(run_id) for run_id in tale.runs[:2]]
        assert [run.info.run_name for run in runs] == ["trip #0 small", "trip #1"]
        assert runs[0].data.tags["reference"] == "small"
        assert "reference" not in runs[1].data.tags

    def test_keep_every_setting(self, tale, tmp_path):
        run = tale.client.get_run(tale.runs[0])
        assert run.data.params == {
            path: str(value) for path, value in flatten(CONFIG.to_dict()).items()
        }
        kept = Path(tale.client.download_artifacts(tale.runs[0], "config.toml", str(tmp_path)))
        assert kept.read_text() == CONFIG.to_toml()
        assert parse_toml(kept.read_text()) == CONFIG.to_dict()

    def test_name_their_data(self, tale):
        (given,) = tale.client.get_run(tale.runs[0]).inputs.dataset_inputs
        assert given.dataset.name == CONFIG.data
        assert {tag.value for tag in given.tags} == {"training"}
        assert mlflow.data.get_source(given.dataset) is not None

    def test_keep_every_epoch_at_its_step(self, tale):
        for run_id in tale.runs[:2]:
            found = {name: tale.story.curve(run_id, name) for name in ("val_accuracy", "samples")}
            assert found["val_accuracy"] == [(made, made / 10) for made in range(1, 5)]
            assert found["samples"] == [(made, 100) for made in range(1, 5)]
            metrics = tale.client.get_run(run_id).data.metrics
            assert metrics["train_loss"] == 0.25
            assert "phase" not in metrics

    @pytest.mark.parametrize(
        ("number", "status", "state", "reason"),
        [
            (0, "FINISHED", "complete", None),
            (1, "FINISHED", "complete", None),
            (3, "KILLED", "pruned", "stopped"),
            (4, "FAILED", "failed", "out of memory"),
        ],
    )
    def test_end_as_the_trials_did(self, tale, number, status, state, reason):
        run = tale.client.get_run(tale.runs[number])
        assert (run.info.status, run.data.tags["state"]) == (status, state)
        assert run.data.tags.get("reason") == reason
        assert run.data.tags.get("rung") == ("epoch 2" if number == 3 else None)
        assert run.data.metrics["seconds"] == 1.5
        assert ("relative_flops" in run.data.metrics) == (state == "complete")

    def test_keep_the_cost_of_the_whole_schedule(self, tale):
        metrics = tale.client.get_run(tale.runs[1]).data.metrics
        assert metrics["relative_flops"] == 0.5
        assert metrics["log10_train_flops"] == pytest.approx(math.log10(5e9))

    def test_are_tagged_while_they_are_on_the_front(self, tale):
        assert tale.fronts == [{0}, {0, 1}, {1, 2}]

    def test_pause_and_go_on_in_the_same_run(self, story):
        story.start(0)
        first = story.tracker.run_of(0)
        story.train(0, 1, 2)
        story.pause(0)
        run = story.run(0)
        assert (run.info.status, run.data.tags["state"]) == ("SCHEDULED", "paused")
        assert story.curve(first, "val_accuracy") == [(1, 0.1), (2, 0.2)]
        story.start(0)
        assert story.run(0).info.status == "RUNNING"
        story.tracker.log_epochs(0, [epoch(made, made / 10) for made in (1, 2, 3)])
        story.end(0, 0.3, 0.1, epochs=3)
        assert story.tracker.run_of(0) == first
        run = story.run(0)
        assert (run.info.run_id, run.info.status) == (first, "FINISHED")
        assert story.curve(first, "val_accuracy") == [(made, made / 10) for made in (1, 2, 3)]

    def test_forget_why_they_failed_when_they_are_tried_again(self, story):
        story.start(0)
        story.end(0, 0.1, 0.1, state="failed", reason="out of memory", epochs=0)
        story.start(0)
        tags = story.run(0).data.tags
        assert tags["state"] == "running"
        assert "reason" not in tags

    def test_take_what_is_read_after_their_end(self, story):
        story.start(0)
        story.end(0, 0.9, 0.1)
        story.read(0, {"test_accuracy": 0.88})
        story.read(0, {"confirmed": 0.87}, step=1)
        story.read(0, {"confirmed": 0.89}, step=2)
        run = story.run(0)
        assert run.info.status == "FINISHED"
        assert run.data.metrics["test_accuracy"] == 0.88
        assert story.curve(run.info.run_id, "confirmed") == [(1, 0.87), (2, 0.89)]

    def test_bear_values_that_are_no_numbers(self, story):
        story.start(0)
        losses = [math.nan, math.inf, 0.5]
        epochs = [epoch(made, 0.5) | {"val_loss": loss} for made, loss in enumerate(losses, 1)]
        story.tracker.log_epochs(0, [*epochs[:2], epochs[2] | {"val_loss": None}])
        story.end(0, 0.5, 0.1, state="failed", reason="x" * 9000)
        (first, second) = story.curve(story.tracker.run_of(0), "val_loss")
        assert first[0] == 1
        assert math.isnan(first[1])
        assert second[1] > 1e300
        assert len(story.curve(story.tracker.run_of(0), "val_accuracy")) == 3
        assert len(story.run(0).data.tags["reason"]) == 8000

    def test_keep_long_curves_whole(self, story):
        """A batch holds 1,000 metrics at most."""
        story.start(0)
        story.train(0, *range(1, 402))
        assert story.curve(story.tracker.run_of(0), "val_accuracy") == []
        story.end(0, 0.9, 0.1)
        expected = [(made, made / 10) for made in range(1, 402)]
        assert story.curve(story.tracker.run_of(0), "val_accuracy") == expected

    def test_get_epochs_of_some_seconds_together(self, story):
        story.start(0)
        story.train(0, 1)
        story.time.time += 1
        story.train(0, 2)
        assert story.curve(story.tracker.run_of(0), "val_accuracy") == []
        story.time.time += 1.1
        story.tracker.turn()
        assert len(story.curve(story.tracker.run_of(0), "val_accuracy")) == 2


class TestPublishing:
    @pytest.fixture
    def member(self, story):
        """A search with one finished trial, shown, and two seconds later a better one."""
        for number in range(3):
            story.start(number)
        story.end(0, 0.6, 0.1)
        story.publish()
        story.time.time += 2
        story.end(1, 0.9, 0.05)
        story.publish()
        return story

    def shown(self, story):
        (row,) = csv.DictReader(io.StringIO((story.folder / "front.csv").read_text()))
        (tagged,) = [run for run in story.children() if "pareto" in run.data.tags]
        note = story.client.get_run(story.info.run_id).data.tags["mlflow.note.content"]
        table = story.client.download_artifacts(story.info.run_id, "plots/front.csv")
        assert Path(table).read_text() == (story.folder / "front.csv").read_text()
        assert f"| #{row['trial']} |" in note
        assert tagged.data.tags["trial"] == row["trial"]
        return int(row["trial"])

    def test_waits_some_seconds_after_the_last_time(self, member):
        assert self.shown(member) == 0
        member.time.time += PUBLISH_SECONDS - 2.1
        member.train(2, 1)
        assert self.shown(member) == 0
        member.time.time += 0.2
        member.train(2, 2)
        assert self.shown(member) == 1

    def test_takes_no_more_than_its_share_of_the_time_where_drawing_takes_long(
        self, member, monkeypatch
    ):
        plain = tracker.write_front

        def slowly(*arguments):
            member.time.time += 1
            plain(*arguments)

        monkeypatch.setattr(tracker, "write_front", slowly)
        member.publish(now=True)
        assert self.shown(member) == 1
        member.end(2, 0.95, 0.01)
        member.publish()
        member.time.time += 1 / DRAWING_SHARE - 1.1
        member.publish()
        assert self.shown(member) == 1
        member.time.time += 0.2
        member.publish()
        assert self.shown(member) == 2

    def test_loses_no_point_of_the_curves(self, member):
        member.publish(now=True)
        assert member.curve(member.info.run_id, "front_size") == [(1, 1), (2, 1)]
        assert member.curve(member.info.run_id, "flops_spent") == [(1, 1e9), (2, 1.5e9)]

    def test_at_once_if_asked(self, member):
        member.publish(now=True)
        assert self.shown(member) == 1

    def test_at_the_latest_when_closed(self, member):
        assert member.tracker.close(0)
        assert self.shown(member) == 1

    def test_only_what_changed(self, member):
        member.publish(now=True)
        written = (member.folder / "front.csv").stat().st_mtime_ns
        member.time.time += 60
        member.train(2, 1)
        assert (member.folder / "front.csv").stat().st_mtime_ns == written

    def test_replaces_whole_files(self, member):
        """Whoever has the old ones open reads them to their end."""
        place = Path(member.client.get_run(member.info.run_id).info.artifact_uri[7:]) / "plots"
        files = [folder / name for folder in (place, member.folder) for name in ("pareto.html",)]
        opened = [path.open("rb") for path in files]
        before = [path.read_bytes() for path in files]
        member.publish(now=True)
        assert [path.read_bytes() for path in files] != before
        for file, content in zip(opened, before, strict=True):
            assert file.read() == content
            file.close()

    def test_in_a_folder_that_cannot_be_written_waits(self, member, capsys):
        held = member.folder / "held"
        (member.folder / "pareto.html").rename(held)
        (member.folder / "pareto.html").mkdir()
        for _ in range(3):
            member.publish(now=True)
        assert capsys.readouterr().err.count("cannot be written yet") == 1
        (member.folder / "pareto.html").rmdir()
        assert member.tracker.close(0)
        assert self.shown(member) == 1


class TestGoingOn:
    @pytest.fixture
    def abandoned(self, story):
        """A search of five trials that a driver left in the middle of things."""
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
        """Their driver told the storage, and died before it told MLflow."""
        config = CONFIG.to_dict()
        abandoned.epoch_log.extend(0, [epoch(made, made / 10) for made in (3, 4)])
        abandoned.records[0] = record(0, 0.4, 0.05, config=config)
        failed = {"state": "failed", "reason": "broken", "epochs": 2}
        abandoned.records[1] = record(1, 0.5, 0.5, config=config, **failed)
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
        """They ended while MLflow was away."""
        config = CONFIG.to_dict()
        abandoned.epoch_log.extend(5, [epoch(made, made / 10) for made in range(1, 5)])
        abandoned.records[5] = record(5, 0.4, 0.3, config=config)
        abandoned.records[6] = record(6, 0.4, 0.3, config=config, state="pruned", rejected=True)
        abandoned.records[7] = record(7, 0.4, 0.3, config=config, state="running")
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


def test_a_mistake_of_ours_is_raised(story):
    story.start(0)
    with pytest.raises(Exception, match="Invalid value"):
        story.read(0, {"not | a name": 0.5})


def test_a_description_of_many_members_is_cut_short():
    members = [
        record(number, number / 1000, number / 1000, reference="<" * number)
        for number in range(300)
    ]
    for count in (0, 3, 40, 300):
        text = describe(search_info(), members[:count], "7", "ab")
        assert len(text) <= MOST_TEXT
        listed = sum(line.startswith("| #") for line in text.splitlines())
        assert listed == count or f"| and {count - listed} more |" in text
        assert text.endswith("`swast-search export trip --pick knee --out best`")
    assert listed > 15


class TestAStoreThatCannotBeUsed:
    def refused(self, uri, folder):
        with pytest.raises(RequestError) as caught:
            Tracker(uri, folder / "mlartifacts", folder / "search", EpochLog(folder / "epochs"))
        (line,) = str(caught.value).splitlines()
        assert uri in line
        return line

    def test_is_a_file_that_is_no_database(self, tmp_path):
        path = tmp_path / "mlflow.db"
        noise = random.Random(0).randbytes(5000)
        path.write_bytes(noise)
        line = self.refused(f"sqlite:///{path}", tmp_path)
        assert "not a database" in line
        assert path.read_bytes() == noise

    def test_is_a_plain_folder(self, tmp_path):
        """MLflow no longer keeps runs in files."""
        self.refused(f"file:{tmp_path / 'mlruns'}", tmp_path)

    def test_is_a_place_where_nothing_can_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        self.refused(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}", tmp_path)

    def test_is_a_scheme_that_nobody_knows(self, tmp_path):
        self.refused("nonsense://nowhere", tmp_path)


def test_the_table_of_the_front_has_objectives_and_settings():
    members = [
        record(4, 1 / 3, 0.1, params={"interval": 3}),
        record(2, 0.9, 0.5, reference="a,b", params={"coreset.scorer": "el2n"}),
    ]
    rows = list(csv.DictReader(io.StringIO(front_table(members))))
    assert [row["trial"] for row in rows] == ["4", "2"]
    assert float(rows[0]["val_accuracy"]) == 1 / 3
    assert [row["train_flops"] for row in rows] == ["1000000000", "5000000000"]
    assert rows[1]["reference"] == "a,b"
    assert [(row["interval"], row["coreset.scorer"]) for row in rows] == [("3", ""), ("", "el2n")]


class TestTheSavedView:
    def read(self, story):
        """The state of the search's view, as MLflow unpacks it."""
        tags = story.client.get_experiment(story.info.experiment_id).tags
        kept = json.loads(tags[f"mlflow.sharedViewState.{story.info.run_id}"])
        assert kept["name"] == story.info.name
        kind, packed = kept["state"].split(";")
        assert kind == "deflate"
        return json.loads(zlib.decompress(base64.b64decode(packed)))

    def test_shows_the_searchs_trials_and_what_was_searched(self, tale):
        view, client = self.read(tale.story), tale.client
        found = client.search_runs([tale.story.info.experiment_id], view["searchFilter"])
        assert {run.info.run_id for run in found} == set(tale.runs)
        scatter, parallel = view["compareRunCharts"]
        shown = [scatter["xaxis"]["key"], scatter["yaxis"]["key"]]
        assert shown == ["log10_train_flops", "val_accuracy"]
        assert parallel["selectedParams"] == [each.path for each in study().space]
        logged = client.get_run(tale.runs[0]).data
        assert set(parallel["selectedParams"]) <= set(logged.params)
        assert {*shown, *parallel["selectedMetrics"]} <= set(logged.metrics)

    def test_of_many_settings_is_kept_whole(self):
        path = shipped()["imagenet-resnet50"]
        info = dataclasses.replace(search_info(), study=read_study(path))
        assert len(envelope(info, "f" * 32, 1_700_000_000_000)) < 5000

    def test_that_a_user_changed_stays_so(self, story):
        tag = f"mlflow.sharedViewState.{story.info.run_id}"
        story.client.set_experiment_tag(story.info.experiment_id, tag, "mine")
        story.driver()
        story.begin()
        assert story.client.get_experiment(story.info.experiment_id).tags[tag] == "mine"

    def test_goes_with_the_search(self, story):
        other = Story(story.uri, story.home, name="other-view")
        other.begin()
        remove_search(story.uri, story.info)
        tags = story.client.get_experiment(story.info.experiment_id).tags
        assert f"mlflow.sharedViewState.{story.info.run_id}" not in tags
        assert f"mlflow.sharedViewState.{other.info.run_id}" in tags


class TestRanks:
    def test_are_those_of_the_front_at_once_and_of_the_rest_within_a_minute(self, story):
        def shown():
            runs = sorted(story.children(), key=lambda run: int(run.data.tags["trial"]))
            return [run.data.tags.get("rank") for run in runs]

        for number, point in enumerate([(0.6, 0.3), (0.5, 0.4), (0.4, 0.5), (0.9, 0.2)]):
            story.start(number)
            story.end(number, *point)
            story.publish(now=True)
        story.start(4)
        story.end(4, 0.99, 0.01, state="failed", epochs=1)
        assert shown() == ["1", "1", "2", "0", None]
        story.time.time += RANK_SECONDS + 1
        story.publish(now=True)
        assert shown() == ["1", "2", "3", "0", None]
