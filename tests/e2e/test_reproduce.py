"""A figure of the paper as its reader makes it, by one command."""

from __future__ import annotations

import json

import pytest

from tests.e2e.support import Place
from tests.search.support import tree
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
