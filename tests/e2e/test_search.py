"""`swast-search` and `swast-train` as their users run them.

One search is run by the real command and looked at by many tests. Commands that look at it or
export it are forked.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from types import SimpleNamespace

import pytest

import swast.cli
from tests.e2e.support import (
    MLFLOW_STATUS,
    OPTUNA_STATE,
    complete,
    ended,
    only,
    prepared,
    search,
    undominated,
    until,
)
from tests.search.support import tree

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),  # for a story, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search from its start to its end; then every pick exported, and the knee trained again."""
    with prepared(tmp_path_factory.mktemp("whole"), furnished=False) as place:
        yield tell_whole(place)


def tell_whole(place):
    """Run the search and the commands that follow it."""
    driver, fronts = place.start(*search("--budget", "5", "--json", "new/summary.json")), []

    def see_the_front():
        found = place.front()
        fronts.extend([found] if found and found not in fronts else [])

    until(see_the_front, process=driver)
    done = ended(driver)
    leftovers, homely = place.leftovers(), sorted(path.name for path in place.home.iterdir())
    exported = {
        pick: place.run(
            *("swast-search", "export", "trip", "--home", "home"),
            *("--pick", pick, "--out", f"out-{pick}"),
        )
        for pick in ("knee", "best", "cheapest", "front")
    }
    knee = place.folder / exported["knee"].out.strip()
    trained = place.run("swast-train", knee, "--quiet", "--json", "again.json")
    again = ("--pick", "front", "--out", "out-verified", "--verify")
    return SimpleNamespace(
        place=place,
        done=done,
        fronts=fronts,
        leftovers=leftovers,
        homely=homely,
        exported=exported,
        trained=trained,
        verified=place.run("swast-search", "export", "trip", "--home", "home", *again),
    )


def exported_trial(path):
    """The number of the trial that an exported file says it is."""
    return int(re.search(r"^trial = (\d+)$", path.read_text(), re.MULTILINE)[1])


@pytest.fixture(scope="module")
def summary(whole):
    return json.loads((whole.place.folder / "new" / "summary.json").read_text())


class TestASearch:
    def test_ends_well_with_a_plain_line_a_trial_and_the_front(self, whole):
        assert (whole.done.code, whole.done.err) == (0, "")
        out = whole.done.out
        assert "\x1b" not in out
        assert "\r" not in out
        told = re.findall(r"^\[(\d)/5\] .* (#\d)[ :]", out, re.MULTILINE)
        assert [count for count, _ in told] == ["1", "2", "3", "4", "5"]
        assert {number for _, number in told} == {f"#{number}" for number in range(5)}
        assert "Pareto front" in out
        assert "swast-search export trip --pick knee" in out

    def test_has_the_summary_that_scripts_rely_on(self, summary):
        assert {key: summary[key] for key in ("name", "study", "budget", "sampler", "seed")} == {
            "name": "trip",
            "study": "tiny",
            "budget": 5,
            "sampler": "tpe",
            "seed": 0,
        }
        assert summary["reference_point"] == {"accuracy": 0.0, "relative_flops": 1.0}
        assert [trial["number"] for trial in summary["trials"]] == [0, 1, 2, 3, 4]
        for trial in summary["trials"]:
            assert trial["state"] == "complete"
            assert 0.3 < trial["accuracy"] <= 1
            assert isinstance(trial["train_flops"], int)
            assert trial["train_flops"] > 0
            assert 0 < trial["relative_flops"] <= 1.2
            assert trial["seconds"] > 0
            assert trial["epochs"] == 4

    def test_trains_the_references_first(self, summary):
        small, dense, *others = summary["trials"]
        assert [small["reference"], dense["reference"]] == ["small", "dense"]
        assert dense["relative_flops"] == 1.0
        assert small["params"]["coreset.fraction"] == 0.1
        assert [trial["reference"] for trial in others] == [None] * 3
        for trial in others:
            assert trial["params"]["interval"] in (1, 2, 3)
            assert 0.05 <= trial["params"]["coreset.fraction"] <= 0.5

    def test_has_the_front_that_brute_force_finds(self, summary):
        done = complete(summary)
        assert set(summary["front"]) == undominated(done)
        cost = [done[number]["train_flops"] for number in summary["front"]]
        assert cost == sorted(cost)

    def test_has_the_hypervolume_of_that_front(self, summary):
        """Areas between the steps of the front, right to left, by hand."""
        points = sorted(
            (-math.log10(trial["relative_flops"]) / 4, trial["accuracy"])
            for trial in complete(summary)
        )
        steps = [(0.0, 0.0), *points]
        area = sum(
            (right - left) * max(accuracy for saved, accuracy in points if saved >= right)
            for (left, _), (right, _) in itertools.pairwise(steps)
        )
        assert summary["hypervolume"] == pytest.approx(area, abs=1e-12)

    def test_adds_up_what_it_has_spent(self, summary):
        bills = [trial["train_flops"] - trial["shared_flops"] for trial in summary["trials"]]
        assert summary["flops_spent"] == sum(bills)
        for trial in summary["trials"]:
            terms = {term: value for term, value in trial["flops"].items() if term != "evaluation"}
            assert sum(terms.values()) == trial["train_flops"]

    def test_pays_the_warm_up_of_its_trials_once(self, summary):
        """All have one seed: the longest warm-up is trained, and the others are parts of it."""
        trials = summary["trials"]
        epochs = {trial["config"]["warmup_epochs"]: trial["flops"]["warmup"] for trial in trials}
        paid = [trial["flops"]["warmup"] - trial["shared_flops"] for trial in trials]
        assert sum(paid) == epochs[max(epochs)]

    def test_is_the_same_in_optuna(self, whole, summary):
        for frozen, trial in zip(whole.place.trials(), summary["trials"], strict=True):
            assert frozen.state.name == OPTUNA_STATE[trial["state"]]
            assert frozen.values == [trial["accuracy"], trial["train_flops"]]
            assert frozen.user_attrs["config"] == trial["config"]

    def test_is_the_same_in_mlflow(self, whole, summary):
        runs = whole.place.children()
        assert len(runs) == 5
        for trial in summary["trials"]:
            run = only(runs, trial["number"])
            assert run.info.run_id == trial["run_id"]
            assert run.info.status == MLFLOW_STATUS[trial["state"]]
            assert run.data.metrics["val_accuracy"] == trial["accuracy"]
            assert run.data.metrics["relative_flops"] == trial["relative_flops"]
            assert run.data.params["coreset.fraction"] == str(
                trial["config"]["coreset"]["fraction"]
            )
            member = trial["number"] in summary["front"]
            assert run.data.tags.get("pareto") == ("true" if member else None)
        parent, _ = whole.place.parent()
        assert parent.info.status == "FINISHED"
        assert parent.data.metrics["hypervolume"] == pytest.approx(summary["hypervolume"])
        assert parent.data.metrics["front_size"] == len(summary["front"])
        assert parent.data.metrics["flops_spent"] == summary["flops_spent"]

    def test_shows_every_epoch_in_mlflow(self, whole, summary):
        _, client = whole.place.parent()
        for trial in summary["trials"]:
            for name, last in [
                ("val_accuracy", trial["accuracy"]),
                ("train_flops", trial["train_flops"]),
                ("train_loss", None),
            ]:
                history = client.get_metric_history(trial["run_id"], name)
                assert [entry.step for entry in history] == [1, 2, 3, 4]
                assert last is None or history[-1].value == last
        flops = client.get_metric_history(summary["trials"][1]["run_id"], "train_flops")
        each = summary["trials"][1]["train_flops"] // 4
        assert [entry.value for entry in flops] == [each, 2 * each, 3 * each, 4 * each]

    def test_moves_the_front_in_mlflow_while_it_runs(self, whole, summary):
        """Looked at ten times a second: the first trial's front, and others up to the last."""
        assert whole.fronts[0] < set(range(5))
        assert len(whole.fronts) > 1
        assert whole.fronts[-1] == set(summary["front"])

    def test_leaves_a_plot_in_the_home(self, whole):
        folder = whole.place.home / "searches" / "trip"
        assert (folder / "pareto.html").stat().st_size > 10_000
        assert (folder / "pareto.png").read_bytes().startswith(b"\x89PNG")
        (kept,) = whole.place.home.glob("mlartifacts/**/plots/pareto.html")
        assert kept.read_bytes() == (folder / "pareto.html").read_bytes()
        report = (folder / "report.html").read_bytes()
        assert (kept.parent / "report.html").read_bytes() == report
        assert b"<h1>trip</h1>" in report
        stills = {"hypervolume", "importance", "slices", "parallel", "curves", "bill"}
        assert stills <= {path.stem for path in kept.parent.glob("*.png")}

    def test_leaves_no_process_and_no_folder_behind(self, whole):
        assert whole.leftovers == []
        assert whole.homely == ["cache", "mlartifacts", "mlflow.db", "optuna.db", "searches"]


class TestLookingAtIt:
    def test_show_tells_scripts_what_the_summary_did(self, whole, summary):
        done = whole.place.run("swast-search", "show", "trip", "--home", "home", "--json")
        assert (done.code, done.err) == (0, "")
        told = json.loads(done.out)
        assert told == summary | {"seconds": None}

    def test_list_and_studies_tell_scripts_and_people(self, whole, summary):
        for command, shown in [
            (("list", "--home", "home"), ["trip", "tiny"]),
            (("studies",), ["digits"]),
            (("show", "trip", "--home", "home"), ["#0 small", "#1 dense", "#4"]),
        ]:
            plain = whole.place.run("swast-search", *command)
            assert (plain.code, plain.err) == (0, "")
            assert "\x1b" not in plain.out
            assert all(word in plain.out for word in shown)
        done = whole.place.run("swast-search", "list", "--home", "home", "--json")
        (row,) = json.loads(done.out)
        assert (row["name"], row["complete"], row["front"]) == ("trip", 5, len(summary["front"]))
        done = whole.place.run("swast-search", "studies", "--json")
        assert "digits" in [row["name"] for row in json.loads(done.out)]

    def test_a_dry_run_prints_a_price_and_writes_nothing(self, whole):
        before = tree(whole.place.folder)
        done = whole.place.run(
            *("swast-search", "--study", "tiny.toml", "--gpus", "0", "--dry-run"),
            *("--budget", "7", "--home", "new"),
        )
        assert (done.code, done.err) == (0, "")
        assert "tiny: 7 trials, about " in done.out
        assert "\x1b" not in done.out
        assert tree(whole.place.folder) == before


class TestTakingItHome:
    def test_writes_the_right_trials(self, whole, summary):
        done = complete(summary)
        members = [done[number] for number in summary["front"]]
        written = {}
        for pick, each in whole.exported.items():
            assert (each.code, each.err) == (0, "")
            files = [whole.place.folder / line for line in each.out.splitlines()]
            assert sorted(files) == sorted((whole.place.folder / f"out-{pick}").iterdir())
            written[pick] = [exported_trial(path) for path in files]
        assert written["front"] == summary["front"]
        assert written["best"] == [members[-1]["number"]]
        assert written["cheapest"] == [members[0]["number"]]
        assert len(written["knee"]) == 1
        assert written["knee"][0] in summary["front"]

    def test_trains_again_to_exactly_what_was_recorded(self, whole, summary, tmp_path):
        """The knee by the command, every member of the front by what it calls."""
        assert whole.trained.code == 0, whole.trained.err
        knee, *others = (
            whole.place.folder / line
            for pick in ("knee", "front")
            for line in whole.exported[pick].out.splitlines()
        )
        results = {knee: whole.place.folder / "again.json"}
        for path in others:
            results[path] = tmp_path / f"{path.stem}.json"
            assert swast.cli.main([str(path), "--quiet", "--json", str(results[path])]) == 0
        assert {exported_trial(path) for path in results} == set(summary["front"])
        for path, file in results.items():
            recorded, again = summary["trials"][exported_trial(path)], json.loads(file.read_text())
            assert again["val_accuracy"] == recorded["accuracy"]
            assert again["train_flops"] == recorded["train_flops"]
            assert again["relative_flops"] == recorded["relative_flops"]
            assert again["config"] == recorded["config"]

    def test_is_verified_by_the_command_itself(self, whole, summary):
        """Its workers ran here, so nothing less is asked."""
        assert (whole.verified.code, whole.verified.err) == (0, "")
        exact = "holds: exactly, with the same versions on the same processor"
        assert whole.verified.out.count(exact) == len(summary["front"])
