"""A search from Python that stops trials early and confirms its front."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.e2e.support import complete, only, prepared

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),  # for a story, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]

SCRIPT = """
from search import run_search

places = {"home": "home", "name": "trip", "json": "summary.json"}
result = run_search("halved.toml", budget=8, confirm_seeds=1, gpus=0, **places)
print([trial.number for trial in result.front], len(result.history), result.end)
"""


def tell_halved(place):
    """A search from Python whose trials are compared after the first of their four epochs."""
    (place.folder / "script.py").write_text(SCRIPT)
    done = place.run("python", "script.py", here=True)
    shown = place.run("swast-search", "show", "trip", "--home", "home")
    leftovers = place.leftovers()
    return SimpleNamespace(place=place, done=done, shown=shown, leftovers=leftovers)


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    with prepared(tmp_path_factory.mktemp("halved")) as place:
        yield tell_halved(place)


@pytest.mark.long
class TestAHalvedSearch:
    def test_stops_what_is_behind_and_keeps_it_off_the_front(self, halved):
        assert (halved.done.code, halved.done.err) == (0, "")
        summary = json.loads((halved.place.folder / "summary.json").read_text())
        early = [trial for trial in summary["trials"] if trial["stopped_at"] is not None]
        assert summary["stopped"] == len(early) > 0
        assert len(summary["trials"]) == 8
        assert f"8 of 8 trials, {len(early)} stopped early" in halved.shown.out
        runs, frozen = halved.place.children(), halved.place.trials()
        for trial in early:
            number = trial["number"]
            assert (trial["state"], trial["epochs"], trial["stopped_at"]) == ("pruned", 1, 1)
            assert trial["rungs"] == {"1": trial["accuracy"]}
            assert 0 < sum(trial["flops"].values()) < trial["predicted_flops"]
            assert trial["reference"] is None
            assert number not in summary["front"]
            assert frozen[number].state.name == "PRUNED"
            run = only(runs, number)
            assert (run.info.status, run.data.tags["rung"]) == ("KILLED", "epoch 1")
            assert run.data.tags["reason"] == trial["reason"]
            assert "the best" in trial["reason"]
        done = complete(summary)
        assert len(done) == 8 - len(early) >= 2
        assert all(trial["train_flops"] == trial["predicted_flops"] for trial in done)

    def test_tells_python_what_the_summary_says(self, halved):
        summary = json.loads((halved.place.folder / "summary.json").read_text())
        assert halved.done.out == f"{summary['front']} 8 finished\n"

    def test_confirms_contenders_and_reads_the_front_alone(self, halved):
        summary = json.loads((halved.place.folder / "summary.json").read_text())
        confirmed = {each["number"]: each for each in summary["confirmed"]}
        assert {number for number in confirmed if confirmed[number]["on_front"]} == set(
            summary["front"]
        )
        assert set(confirmed) == {
            trial["number"] for trial in summary["trials"] if trial["readings"]
        }
        for number, each in confirmed.items():
            trial, (_, client) = summary["trials"][number], halved.place.parent()
            assert each["seeds"] == [1]
            logged = client.get_run(trial["run_id"]).data.metrics
            other = trial["readings"]["1"]
            assert each["val_mean"] == other["val_accuracy"] == logged["confirmed_val_accuracy"]
            read = [r["test_accuracy"] for r in trial["readings"].values()]
            if not each["on_front"]:
                assert (read, "confirmed_test_accuracy" in logged) == ([None], False)
                continue
            own = trial["readings"]["0"]
            assert own["val_accuracy"] == trial["accuracy"]
            assert own["test_accuracy"] == trial["test_accuracy"] == logged["test_accuracy"]
            assert logged["confirmed_test_accuracy"] == other["test_accuracy"] == each["test_mean"]

    def test_leaves_no_process_and_no_folder_behind(self, halved):
        assert halved.leftovers == []
