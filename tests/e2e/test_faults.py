"""Searches that lose their driver, a worker, a node, their database, MLflow or the disk.

Real commands and real services, one story a fault, each told once; then what is left is looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest

from tests import services
from tests.e2e.support import ONE_WORKER, Place, ended, only, search, tagged, undominated, until
from tests.search.faulty import GONE
from tests.search.support import BARE, TINY

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),  # for a story, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]

ROOT = Path(__file__).parents[2]
KILLS, BUDGET = ("early", "late") * 5, 20
SLOW = BARE.replace("epochs = 4", "epochs = 12", 1)
"""Trials of half a second."""
FAULTS = """
[fixed]
model = "tests.search.faulty:sound"
epochs = 4
warmup_epochs = 1

[space]
interval = { low = 1, high = 3 }

[space.coreset]
fraction = { low = 0.05, high = 0.5, log = true }

[references]
dying.model = "tests.search.faulty:dying"
raising.model = "tests.search.faulty:raising"
eating.model = "tests.search.faulty:eating"
nan.optim.lr = 1e6
"""


@contextlib.contextmanager
def prepared(folder):
    """A folder to run commands in, with studies and a home."""
    made = Place(folder)
    made.furnish()
    made.environment |= {"PYTHONPATH": str(ROOT), "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
    for name, source in [("tiny", TINY), ("slow", SLOW), ("faults", FAULTS)]:
        (folder / f"{name}.toml").write_text(source)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def place(tmp_path):
    with prepared(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A home with two searches at once, of which one's trials go wrong; a third wants its name."""
    with prepared(tmp_path_factory.mktemp("crowd")) as place:
        place.environment |= {GONE: str(place.folder / "gone")}
        first = place.start(
            *search("--budget", "7", "--memory-per-trial", "1.5", study="faults.toml"),
            *("--json", "summary.json"),
        )
        until((place.home / "searches" / "trip" / "lock").exists, process=first)
        rival, neighbour = (
            place.start(
                *("swast-search", "--study", "slow.toml", "--gpus", "0", "--home", "home"),
                *("--budget", "3", "--name", name, *ONE_WORKER),
            )
            for name in ("trip", "side")
        )
        refused, beside, done = ended(rival), ended(neighbour), ended(first)
        yield SimpleNamespace(
            place=place, done=done, refused=refused, beside=beside, leftovers=place.leftovers()
        )


def check_whole(place, budget, name="trip"):
    """Every trial is settled once in Optuna and in MLflow; the front is the same everywhere."""
    begun = [t for t in place.trials(name) if not t.user_attrs["outcome"]["rejected"]]
    assert len(begun) == budget
    assert {trial.state.name for trial in begun} <= {"COMPLETE", "PRUNED", "FAIL"}
    runs = place.children(name)
    assert sorted(int(run.data.tags["trial"]) for run in runs) == [t.number for t in begun]
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED", "FAILED"}
    parent, client = place.parent(name)
    assert parent.info.status == "FINISHED"
    done = [
        {"number": t.number, "accuracy": t.values[0], "train_flops": t.values[1]}
        for t in begun
        if t.state.name == "COMPLETE"
    ]
    front = undominated(done)
    assert tagged(runs) == front
    rows = (place.home / "searches" / name / "front.csv").read_text().splitlines()[1:]
    assert {int(row.partition(",")[0]) for row in rows} == front
    made = {trial.number: trial.user_attrs["outcome"]["epochs"] for trial in begun}
    for trial in done:
        run, epochs = only(runs, trial["number"]), made[trial["number"]]
        logged = client.get_metric_history(run.info.run_id, "val_accuracy")
        assert [each.step for each in logged] == list(range(1, epochs + 1))
        assert logged[-1].value == trial["accuracy"]


def settled(place, name="trip"):
    """Trials that have ended, as Optuna has them."""
    with contextlib.suppress(Exception):  # there is no database, or half of one, yet
        ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL)
        return {trial.number: trial for trial in place.trials(name) if trial.state in ended}
    return {}


def wait(driver, holds):
    """Wait until something holds while a search runs; if it ends before, show what it said."""
    if not until(holds, process=driver):
        driver.kill()
        pytest.fail(str(ended(driver)))


def exists(place):
    """Whether the search has been made."""
    query = "SELECT 1 FROM study_user_attributes WHERE key = 'source'"
    return bool(place.read("optuna.db", query))


def fatal_moments(seed):
    """When each driver is killed: how many trials have to end before, and seconds from then.

    An early one dies in the first ten seconds of its start, each in a part of them of its own; a
    late one within a second of a trial's end.
    """
    draw = random.Random(seed)
    early = iter(range(KILLS.count("early")))
    for kind in KILLS:
        if kind == "late":
            yield 1 + draw.randrange(3), draw.uniform(0, 1)
        else:
            yield 0, 10 * (next(early) + draw.random()) / KILLS.count("early")


@pytest.mark.parametrize("seed", [17])
def test_a_driver_that_is_killed_again_and_again_loses_and_repeats_nothing(place, seed):
    """Some die while they start, some when a trial has just ended."""
    (place.home / "optuna.db").unlink()  # so that the first may die while it makes the tables

    def begin():
        if exists(place):
            return place.start("swast-search", "--resume", "trip", "--home", "home", "--quiet")
        return place.start(*search("--budget", BUDGET, "--quiet", study="slow.toml"))

    before = {}
    for ends, seconds in fatal_moments(seed):
        driver, known = begin(), len(before)
        until(lambda least=known + ends: place.count_ended() >= least, process=driver)
        deadline = time.monotonic() + seconds
        until(lambda deadline=deadline: time.monotonic() > deadline, process=driver)
        driver.kill()
        assert ended(driver).code in (-signal.SIGKILL, 0)
        after = settled(place)
        assert {number: after[number] for number in before} == before
        before = after
    done = ended(begin())
    assert (done.code, done.out, done.err) == (0, "", "")
    after = settled(place)
    assert {number: after[number] for number in before} == before
    check_whole(place, BUDGET)
    # Ray's own processes take a minute to see that they are alone.
    assert until(lambda: not place.processes(), seconds=100), place.processes()


def test_trials_that_go_wrong_fail_alone_and_say_why(crowd):
    """A worker is killed once, and its trial goes on; others raise, diverge, eat all memory."""
    place, done = crowd.place, crowd.done
    assert (done.code, done.err) == (0, "")
    trials = json.loads((place.folder / "summary.json").read_text())["trials"]
    told = {trial["reference"] or trial["number"]: trial for trial in trials}
    assert {name: trial["state"] for name, trial in told.items()} == {
        "dying": "complete",
        "raising": "failed",
        "eating": "failed",
        "nan": "failed",
        4: "complete",
        5: "complete",
        6: "complete",
    }
    assert (place.folder / "gone").exists()
    assert told["dying"]["epochs"] == 4
    assert told["raising"]["reason"] == "ZeroDivisionError: the network divides by zero"
    assert told["eating"]["reason"].startswith("out of memory: ")
    assert told["nan"]["reason"].startswith("DivergedError: ")
    retries = {name: trial["retries"] for name, trial in told.items() if trial["retries"]}
    assert retries == {"dying": 1, "raising": 1, "eating": 1}
    assert "#1 raising: failed after 0 epochs: ZeroDivisionError" in done.out
    check_whole(place, 7)
    assert crowd.leftovers == []


def test_a_name_is_held_by_one_search(crowd):
    assert (crowd.refused.code, crowd.refused.out) == (2, "")
    assert "'trip'" in crowd.refused.err
    assert len(crowd.refused.err.splitlines()) == 1


def test_a_home_is_shared_by_two_searches_at_once(crowd):
    assert crowd.beside.code == 0, crowd.beside.err
    check_whole(crowd.place, 3, "side")


def test_two_interrupts_stop_a_search_in_the_middle_of_an_epoch_and_it_can_be_resumed(place):
    """An epoch of the warm-up takes 18 s; it would be waited for after the first interrupt."""
    source = FAULTS.partition("[references]")[0].replace(":sound", ":slow")
    source = source.replace("warmup_epochs = 1", "warmup_epochs = 3")
    (place.folder / "slow.toml").write_text(source)
    driver = place.start(*search("--budget", "2", study="slow.toml"))
    assert until(lambda: len([state for _, state, _ in place.states()]) == 2, process=driver)
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
    assert [trial["state"] for trial in summary["trials"]] == ["paused", "paused"]


def test_a_node_and_services_that_go_take_no_trial_with_them(place, ray_cluster, postgres):
    """Of two nodes with a core each one is killed, and MLflow's server, which comes back.

    PostgreSQL keeps the search and MLflow's runs. It is restarted.
    """
    storage = postgres.new_database()
    with contextlib.closing(
        services.MlflowServer(postgres.new_database(), place.folder)
    ) as server:
        place.storage, place.tracking = storage, server.uri
        driver = place.start(
            *search("--budget", "8", "--address", ray_cluster.address, study="slow.toml"),
            *("--storage", storage, "--tracking-uri", server.uri, "--json", "summary.json"),
        )
        wait(driver, lambda: place.count_ended() >= 1)
        server.stop()
        ray_cluster.kill_worker_node()
        wait(driver, lambda: place.count_ended() >= 3)
        postgres.restart()
        server.start()
        done = ended(driver)
        assert done.code == 0, done.err
        assert postgres.password not in done.out + done.err
        check_whole(place, 8)
    trials = json.loads((place.folder / "summary.json").read_text())["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 8


def test_a_disk_that_was_full_costs_nothing_but_time(place):
    """A file fills the home's disk when a trial has ended, and goes when the search says so."""
    with small_disk(place.folder / "disk", "24m") as disk:
        place.home = disk / "home"
        driver = place.start(
            *("swast-search", "--study", "slow.toml", "--gpus", "0", "--name", "trip"),
            *("--budget", "4", "--home", "disk/home", *ONE_WORKER),
        )
        wait(driver, lambda: place.count_ended())
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        said = iter(driver.stderr.readline, "")
        assert any("database or disk is full; trying again" in line for line in said)
        filler.unlink()
        done = ended(driver)
        assert done.code == 0, done.err
        check_whole(place, 4)


def test_a_home_that_cannot_be_written_to_is_refused(place):
    with small_disk(place.folder / "disk", "1m,ro"):
        done = place.run(
            *("swast-search", "--study", "tiny.toml", "--gpus", "0", "--home", "disk/home")
        )
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("swast-search: --home ")
    assert "cannot be written to" in done.err
    assert len(done.err.splitlines()) == 1


@contextlib.contextmanager
def small_disk(folder, options):
    """A file system in memory, of a size, mounted on a folder."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={options}", "tmpfs", folder]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
