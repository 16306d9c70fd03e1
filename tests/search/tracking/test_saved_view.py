"""Saved view of a search in MLflow."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib

import pytest

from search.study.study_file import read_study, shipped
from search.tracking.delete import remove_search
from search.tracking.saved_view import envelope, state
from search.tracking.tags import final_values
from tests.search.measured import OBJECTIVES
from tests.search.support import record, search_info, study
from tests.search.tracking.stories import Story

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


class TestTheSavedView:
    def read(self, story):
        """Return the state of the search's view, unpacked as by MLflow."""
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
        assert parallel["selectedParams"] == list(study().space.paths)
        logged = client.get_run(tale.runs[0]).data
        assert set(parallel["selectedParams"]) <= set(logged.params)
        assert {*shown, *parallel["selectedMetrics"]} <= set(logged.metrics)

    def test_has_axes_that_are_logged_for_any_cost(self):
        """A cost on a linear axis has no metric of its logarithm."""
        info = search_info()
        timed = dataclasses.replace(info.study, objectives=OBJECTIVES)
        for known, axis in ((info.study, "log10_train_flops"), (timed, "training_seconds")):
            view = state(dataclasses.replace(info, study=known), "ab")
            scatter, parallel = view["compareRunCharts"]
            assert scatter["xaxis"]["key"] == axis
            assert parallel["selectedMetrics"] == [axis, "val_accuracy"]
            logged = final_values(record(0), known.objectives)
            assert axis in logged
            columns = [each for each in view["selectedColumns"] if each.startswith("metrics.")]
            assert len(columns) == len(set(columns))
            assert set(columns) == {f"metrics.`{name}`" for name in ["val_accuracy", *logged]}

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
