"""`swast-search` and `swast-train` as their users run them: real commands in their own processes.

A search costs some 20 s of processor time, most of it the start of Ray and its workers. So the
tests share a few stories, each told once, two at a time, and look at what is left of them.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

import swast.cli
from tests.e2e.support import (
    MLFLOW_STATUS,
    ONE_WORKER,
    OPTUNA_STATE,
    Place,
    complete,
    ended,
    only,
    search,
    undominated,
    until,
)
from tests.search.support import TINY, tree

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),  # for a story and those before it, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]

ENDLESS = """
[fixed]
model = "mlp-small"
epochs = 5000
warmup_epochs = 1

[space]
interval = { low = 1, high = 3 }

[references.quick]
epochs = 2
"""
"""One trial that ends and others that do not."""
SCRIPT = """
from search import run_search

result = run_search(
    "halved.toml", budget=8, gpus=0, home="home", name="trip", json="summary.json", confirm_seeds=1
)
print([trial.number for trial in result.front], len(result.history), result.end)
"""
HALVED = TINY + "\n[halving]\ngrace = 1\nreduction = 4\n"
SOURCES = {"tiny": TINY, "endless": ENDLESS, "halved": HALVED}


def tell_whole(place):
    """A search from its start to its end; then every pick exported, and the knee trained again."""
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


def tell_interrupted(place):
    """A search that is interrupted while trials run, twice; then gone on with for a second."""
    driver = place.start(*search("--budget", "3", study="endless.toml"))

    def one_has_ended_and_another_runs():
        states = [state for _, state, _ in place.states()]
        return "COMPLETE" in states and place.steps() > 2

    reached = until(one_has_ended_and_another_runs, process=driver)
    os.killpg(driver.pid, signal.SIGINT)
    done = ended(driver)
    leftovers, trials, (parent, _) = place.leftovers(), place.trials(), place.parent()
    children, epochs = place.children(), place.epochs()
    resume = ("swast-search", "--resume", "trip", "--home", "home", "--json")
    second = place.start(*resume, "second.json")

    def all_have_gone_on():
        made = place.epochs()
        return all(made[number] > epochs[number] for number in range(1, len(trials)))

    gone_on = until(all_have_gone_on, process=second)
    os.killpg(second.pid, signal.SIGINT)
    again = ended(second)
    limits = ("--budget", "5", "--time-budget", "1")
    timed = place.run(*resume, "summary.json", *limits, *ONE_WORKER)
    return SimpleNamespace(
        place=place,
        reached=reached,
        done=done,
        leftovers=leftovers,
        trials=trials,
        parent=parent,
        children=children,
        epochs=epochs,
        gone_on=gone_on,
        again=again,
        timed=timed,
    )


def tell_hasty(place):
    """A search that is interrupted before its first trial."""
    driver = place.start(*search("--budget", "3", *ONE_WORKER))
    reached = until((place.home / "searches" / "trip" / "lock").exists, process=driver)
    os.killpg(driver.pid, signal.SIGINT)
    done = ended(driver)
    return SimpleNamespace(place=place, reached=reached, done=done, leftovers=place.leftovers())


def tell_halved(place):
    """A search from Python whose trials are compared after the first of their four epochs."""
    (place.folder / "script.py").write_text(SCRIPT)
    done = place.run("python", "script.py")
    shown = place.run("swast-search", "show", "trip", "--home", "home")
    leftovers = place.leftovers()
    return SimpleNamespace(place=place, done=done, shown=shown, leftovers=leftovers)


STORIES = {
    "whole": tell_whole,
    "interrupted": tell_interrupted,
    "hasty": tell_hasty,
    "halved": tell_halved,
}


@pytest.fixture(scope="session")
def stories(request, tmp_path_factory):
    """Every story that a test of this session asks for, told two at a time."""
    wanted = {name for item in request.session.items for name in item.fixturenames}
    places = {}
    with ThreadPoolExecutor(2) as pool:
        told = {}
        for name in STORIES:
            if name in wanted:
                places[name] = Place(tmp_path_factory.mktemp(name))
                for study, source in SOURCES.items():
                    (places[name].folder / f"{study}.toml").write_text(source)
                if name != "whole":  # that one makes its home itself
                    places[name].furnish()
                told[name] = pool.submit(STORIES[name], places[name])
        yield told
    for place in places.values():
        place.close()


@pytest.fixture(scope="session")
def whole(stories):
    return stories["whole"].result()


@pytest.fixture(scope="session")
def interrupted(stories):
    return stories["interrupted"].result()


@pytest.fixture(scope="session")
def hasty(stories):
    return stories["hasty"].result()


@pytest.fixture(scope="session")
def halved(stories):
    return stories["halved"].result()


@pytest.fixture(scope="session")
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


class TestAnInterruptedSearch:
    def test_stops_at_the_end_of_the_epoch_and_says_how_to_go_on(self, interrupted):
        assert interrupted.reached
        assert (interrupted.done.code, interrupted.done.err) == (1, "")
        assert "trip: paused after " in interrupted.done.out
        assert "resume  swast-search --resume trip --home " in interrupted.done.out

    def test_leaves_its_trials_and_runs_paused(self, interrupted):
        first, *others = interrupted.trials
        assert first.state.name == "COMPLETE"
        assert {trial.state.name for trial in others} == {"RUNNING"}
        assert all(trial.user_attrs["paused"] for trial in others)
        assert interrupted.parent.info.status == "KILLED"
        assert {run.info.status for run in interrupted.children} == {"FINISHED", "SCHEDULED"}

    def test_leaves_no_process_and_no_folder_behind(self, interrupted):
        assert interrupted.leftovers == []

    def test_goes_on_from_its_checkpoints(self, interrupted):
        assert interrupted.gone_on
        assert (interrupted.again.code, interrupted.again.err) == (1, "")
        summary = json.loads((interrupted.place.folder / "second.json").read_text())
        for number in range(1, len(interrupted.trials)):
            epochs = interrupted.epochs[number]
            assert summary["trials"][number]["epochs"] > epochs
            _, client = interrupted.place.parent()
            run = only(interrupted.place.children(), number)
            logged = client.get_metric_history(run.info.run_id, "val_accuracy")
            assert [each.step for each in logged] == list(range(1, len(logged) + 1))
            assert len(logged) >= summary["trials"][number]["epochs"]

    def test_is_stopped_by_its_time_budget(self, interrupted):
        """What was stopped has good accuracy by then, and is on no front."""
        assert (interrupted.timed.code, interrupted.timed.err) == (0, "")
        summary = json.loads((interrupted.place.folder / "summary.json").read_text())
        assert (summary["front"], summary["end"]) == ([0], "paused")
        stopped = [trial for trial in summary["trials"] if trial["number"] > 0]
        assert {trial["state"] for trial in stopped} == {"paused"}
        runs = interrupted.place.children()
        for trial in stopped:
            run = only(runs, trial["number"])
            assert (run.info.status, run.data.tags.get("pareto")) == ("SCHEDULED", None)


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

    def test_confirms_the_front_and_nothing_else(self, halved):
        summary = json.loads((halved.place.folder / "summary.json").read_text())
        read = {trial["number"] for trial in summary["trials"] if trial["readings"]}
        assert read == set(summary["front"])
        assert [each["number"] for each in summary["confirmed"]] == summary["front"]
        for each in summary["confirmed"]:
            trial, (_, client) = summary["trials"][each["number"]], halved.place.parent()
            assert each["seeds"] == [0, 1]
            own, other = trial["readings"]["0"], trial["readings"]["1"]
            assert own["val_accuracy"] == trial["accuracy"]
            assert own["test_accuracy"] == trial["test_accuracy"]
            assert each["val_mean"] == (own["val_accuracy"] + other["val_accuracy"]) / 2
            logged = client.get_run(trial["run_id"]).data.metrics
            assert logged["test_accuracy"] == own["test_accuracy"]
            assert logged["confirmed_val_accuracy"] == other["val_accuracy"]

    def test_leaves_no_process_and_no_folder_behind(self, halved):
        assert halved.leftovers == []


class TestAHastyInterrupt:
    def test_is_no_error_of_the_program(self, hasty):
        assert hasty.reached
        assert "Traceback" not in hasty.done.err
        assert hasty.done.code in (1, 130)

    def test_leaves_nothing_running(self, hasty):
        assert "RUNNING" not in [state for _, state, _ in hasty.place.states()]
        assert hasty.leftovers == []
