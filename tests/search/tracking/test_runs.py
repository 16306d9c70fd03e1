"""Runs of a search and of its trials in a real MLflow store, read by MLflow's own client."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import mlflow
import pytest

from search.trials.trial_record import hypervolume_of
from swast.config import flatten, parse_toml
from tests.search.support import epoch, study, tree
from tests.search.tracking.stories import CONFIG

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


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
        epochs = [
            dataclasses.replace(epoch(made, 0.5), val_loss=loss)
            for made, loss in enumerate(losses, 1)
        ]
        story.tracker.log_epochs(0, epochs)
        story.end(0, 0.5, 0.1, state="failed", reason="x" * 9000)
        first, second, third = story.curve(story.tracker.run_of(0), "val_loss")
        assert first[0] == 1
        assert math.isnan(first[1])
        assert second[1] > 1e300
        assert third == (3, 0.5)
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
