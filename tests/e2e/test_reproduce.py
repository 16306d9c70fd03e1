"""A figure of the paper as its reader makes it, with Ray's workers and searches of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.search.support import tree

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]
SCRIPT = Path(__file__).with_name("figure_4.py")


def lines(path):
    """The objects in a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.long
def test_figure_4_trains_its_grid_searches_for_its_cost_and_confirms_the_fronts(place):
    made = place.folder / "made"
    first = place.run(
        "python", SCRIPT, "bare.toml", "--home", "home", "--out", "made", "--workers", "1"
    )
    assert first.code == 0, first.err
    assert "of which known: 0" in first.err
    assert first.out.splitlines()[-1] == str(made / "figure-4.html")
    report = json.loads((made / "figure-4.json").read_text())
    trained, (search,) = lines(made / "runs.jsonl"), lines(made / "searches.jsonl")
    assert {each["config"]["seed"] for each in trained} == {0, 100}
    assert 0 < search["spent"] <= search["search"]["flops"]
    assert place.read("optuna.db", "SELECT count(*) FROM studies") == [(1,)]
    fronts = {each["name"]: each for each in report["curves"] if each["panel"] == "front"}
    assert len(fronts["search 1"]["x"]) == len(search["front"])
    dense = [
        each for each in trained if each["config"]["seed"] == 0 and each["relative_flops"] == 1
    ]
    found = report["arms"]["dense: T = 4"]["accuracy"]
    assert found in {each["test_accuracy"] for each in dense}
    statuses = place.read("mlflow.db", "SELECT DISTINCT status FROM runs")
    assert statuses == [("FINISHED",)]
    stored = tree(place.home / "mlartifacts")
    assert any(str(path).endswith("figure-4.html") for path in stored)
