"""Searches that are interrupted: what they leave, and how they are gone on with."""

from __future__ import annotations

import json
import os
import signal
import time
from types import SimpleNamespace

import pytest

from tests.e2e.support import ONE_WORKER, ended, only, prepared, resume, search, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),  # for a story, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]


def tell_interrupted(place):
    """A search that is interrupted while trials run, twice; then gone on with for a second."""
    driver = place.fork(*search("--budget", "3", study="endless.toml"))

    def one_has_ended_and_another_runs():
        states = [state for _, state, _ in place.states()]
        return "COMPLETE" in states and place.steps() > 2

    reached = until(one_has_ended_and_another_runs, process=driver)
    os.killpg(driver.pid, signal.SIGINT)
    done = ended(driver)
    leftovers, trials, (parent, _) = place.leftovers(), place.trials(), place.parent()
    children, epochs = place.children(), place.epochs()
    second = place.fork(*resume("--json", "second.json"))

    def all_have_gone_on():
        made = place.epochs()
        return all(made[number] > epochs[number] for number in range(1, len(trials)))

    gone_on = until(all_have_gone_on, process=second)
    os.killpg(second.pid, signal.SIGINT)
    again = ended(second)
    limits = ("--budget", "5", "--time-budget", "1")
    timed = place.run(*resume("--json", "summary.json"), *limits, *ONE_WORKER)
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
    driver = place.fork(*search("--budget", "3", *ONE_WORKER))
    reached = until((place.home / "searches" / "trip" / "lock").exists, process=driver)
    os.killpg(driver.pid, signal.SIGINT)
    done = ended(driver)
    return SimpleNamespace(place=place, reached=reached, done=done, leftovers=place.leftovers())


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    with prepared(tmp_path_factory.mktemp("interrupted")) as place:
        yield tell_interrupted(place)


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    with prepared(tmp_path_factory.mktemp("hasty")) as place:
        yield tell_hasty(place)


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


class TestAHastyInterrupt:
    def test_is_no_error_of_the_program(self, hasty):
        assert hasty.reached
        assert "Traceback" not in hasty.done.err
        assert hasty.done.code in (1, 130)

    def test_leaves_nothing_running(self, hasty):
        assert "RUNNING" not in [state for _, state, _ in hasty.place.states()]
        assert hasty.leftovers == []


@pytest.mark.long
def test_two_interrupts_stop_a_search_in_the_middle_of_an_epoch_and_it_can_be_resumed(place):
    """An epoch of the warm-up takes 18 s; it would be waited for after the first interrupt."""
    driver = place.fork(*search("--budget", "1", *ONE_WORKER, study="sluggish.toml"))
    assert until(lambda: len([state for _, state, _ in place.states()]) == 1, process=driver)
    warmups = place.home / "cache" / "warmups"
    assert until(lambda: list(warmups.glob("*/lock")), process=driver)  # its first epoch is begun
    os.killpg(driver.pid, signal.SIGINT)
    time.sleep(1)
    began = time.monotonic()
    os.killpg(driver.pid, signal.SIGINT)
    done = ended(driver)
    assert time.monotonic() - began < 30
    assert done.code == 1
    assert done.err == (f"swast-search: stopped; swast-search --resume trip --home {place.home}\n")
    assert place.leftovers() == []
    shown = place.run("swast-search", "show", "trip", "--home", "home", "--json")
    summary = json.loads(shown.out)
    assert summary["end"] == "paused"
    assert [trial["state"] for trial in summary["trials"]] == ["paused"]
