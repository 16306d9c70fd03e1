"""A figure of the paper as its reader makes it, by one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.support import Place
from tests.search.support import BARE, tree
from tests.search.tracking.stories import new_store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]
COMMAND = ("swast-search", "reproduce", "figure-2", "--home", "home", "--out", "made")


def test_a_figure_is_made_from_a_training_that_ray_did(tmp_path):
    place = Place(tmp_path)
    place.home.mkdir()
    new_store(place.home)
    try:
        first = place.run(*COMMAND)
        assert first.code == 0, first.err
        assert "trainings: 1, of which known: 0" in first.err
        made = tmp_path / "made"
        assert first.out.splitlines()[-1] == str(made / "figure-2.html")
        report = json.loads((made / "figure-2.json").read_text())
        (line,) = (made / "runs.jsonl").read_text().splitlines()
        history = json.loads(line)["history"]
        (curve,) = [each for each in report["curves"] if each["name"] == "validation loss"]
        assert curve["mean"] == [each["val_loss"] for each in history]
        told = place.read("mlflow.db", "SELECT status FROM runs")
        assert told == [("FINISHED",), ("FINISHED",)]
        stored = tree(place.home / "mlartifacts")
        assert any(str(path).endswith("figure-2.html") for path in stored)
    finally:
        place.close()


def test_figure_4_searches_for_what_its_grid_has_cost(tmp_path):
    """The whole figure with Ray's workers, a seed and a search."""
    place = Place(tmp_path)
    place.home.mkdir()
    new_store(place.home)
    (tmp_path / "space.toml").write_text(BARE)
    script = Path(__file__).with_name("figure_4.py")
    command = ("python", script, "space.toml", "--home", "home", "--out", "made", "--workers", "1")
    made = tmp_path / "made"
    try:
        first = place.run(*command)
        assert first.code == 0, first.err
        report = json.loads((made / "figure-4.json").read_text())
        searches = [
            json.loads(line) for line in (made / "searches.jsonl").read_text().splitlines()
        ]
        assert [each["search"]["seed"] for each in searches] == [0]
        assert all(0 < each["spent"] <= each["search"]["flops"] for each in searches)
        fronts = [each["name"] for each in report["curves"] if each["panel"] == "front"]
        assert fronts[-1] == "search 1"
        trained = lines(made / "runs.jsonl")
        assert {each["config"]["seed"] for each in trained} == {0, 100}
        states = place.read("optuna.db", "SELECT count(*) FROM studies")
        assert states == [(1,)]
    finally:
        place.close()


def lines(path):
    """The objects in a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]
