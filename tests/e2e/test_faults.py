"""Searches that lose a worker, a node, their database, MLflow or the disk.

Real services, one story a fault, each told once; then what is left is looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from types import SimpleNamespace

import pytest

from swast_entry import NAMES
from tests import services
from tests.e2e.checks import check_whole
from tests.e2e.forks import Forked
from tests.e2e.support import ONE_WORKER, ended, resume, search, until, wait
from tests.search.faulty import GONE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),  # for a story, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]


@pytest.fixture(scope="module")
def crowd(own_place):
    """A home with two searches at once, of which one's trials go wrong; two want its name.

    The folder has modules of the user's own, called as the packages are.
    """
    place = own_place
    for name in NAMES:
        (place.folder / f"{name}.py").touch()
    place.environment |= {GONE: str(place.folder / "gone")}
    first = place.fork(
        *search("--budget", "7", "--memory-per-trial", "1.5", study="faults.toml"),
        *("--json", "summary.json", *ONE_WORKER),
    )
    until(place.is_begun, process=first)
    rival = place.fork(*resume(), here=True)
    namesake = place.fork(*search(study="slow.toml"), here=True)
    neighbour = place.fork(*search("--budget", "3", study="slow.toml", name="side"), here=True)
    refused, taken, beside, done = map(ended, (rival, namesake, neighbour, first))
    return SimpleNamespace(
        place=place,
        done=done,
        refused=refused,
        taken=taken,
        beside=beside,
        leftovers=place.leftovers(),
    )


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
    said = r"ZeroDivisionError: the network divides by zero \(faulty.py, line \d+\)"
    assert re.fullmatch(said, told["raising"]["reason"])
    assert told["eating"]["reason"].startswith("out of memory: ")
    assert told["nan"]["reason"].startswith("DivergedError: ")
    retries = {name: trial["retries"] for name, trial in told.items() if trial["retries"]}
    assert retries == {"dying": 1, "raising": 1, "eating": 1}
    assert "#1 raising: failed after 0 epochs: ZeroDivisionError" in done.out
    check_whole(place, 7)
    assert crowd.leftovers == []


def test_the_traceback_of_a_network_is_kept(crowd):
    """In the search's folder, and in MLflow."""
    folder = crowd.place.home / "searches" / "trip"
    (kept,) = (folder / "tracebacks").iterdir()
    assert kept.name == "1.txt"
    assert kept.read_text().endswith("\nZeroDivisionError: the network divides by zero\n")
    run, client = crowd.place.parent()
    (sent,) = client.list_artifacts(run.info.run_id, "tracebacks")
    assert sent.path == "tracebacks/1.txt"


def test_a_search_is_held_by_one_process(crowd):
    assert (crowd.refused.code, crowd.refused.out) == (2, "")
    assert crowd.refused.err == "swast-search: search 'trip' is being run by another process\n"


def test_a_name_is_held_by_one_search(crowd):
    assert (crowd.taken.code, crowd.taken.out) == (2, "")
    assert "'trip'" in crowd.taken.err
    assert len(crowd.taken.err.splitlines()) == 1


def test_a_home_is_shared_by_two_searches_at_once(crowd):
    assert crowd.beside.code == 0, crowd.beside.err
    check_whole(crowd.place, 3, "side")


def test_a_node_and_services_that_go_take_no_trial_with_them(place, ray_cluster, postgres):
    """Of two nodes with a core each one is killed, and MLflow's server, which comes back.

    PostgreSQL keeps the search and MLflow's runs. It is restarted.
    """
    storage = postgres.new_database()
    with contextlib.closing(
        services.MlflowServer(postgres.new_database(), place.folder)
    ) as server:
        place.storage, place.tracking = storage, server.uri
        driver = place.fork(
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


def test_output_that_cannot_be_printed_costs_nothing(place):
    """Standard output is a full disk from the first line on."""
    said = place.scratch / "lost"
    said.with_suffix(".out").symlink_to("/dev/full")
    words = search("--budget", "1", "--json", "summary.json")
    driver = Forked(words, place.folder, place.environment, said, here=True)
    assert until(lambda: driver.poll() is not None)
    line = "swast-search: not all output could be printed: No space left on device\n"
    assert (driver.poll(), driver.err.read_text()) == (1, line)
    summary = json.loads((place.folder / "summary.json").read_text())
    assert [trial["state"] for trial in summary["trials"]] == ["complete"]
    assert (place.home / "searches" / "trip" / "report.html").exists()
    assert {run.info.status for run in place.children()} == {"FINISHED"}


def test_a_disk_that_was_full_costs_nothing_but_time(place):
    """A file fills the home's disk when a trial has ended, and goes when the search says so."""
    with small_disk(place.folder / "disk", "24m") as disk:
        place.home = disk / "home"
        driver = place.fork(
            *("swast-search", "--study", "slow.toml", "--gpus", "0", "--name", "trip"),
            *("--budget", "4", "--home", "disk/home"),
            here=True,
        )
        wait(driver, place.count_ended)
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        said = "database or disk is full; trying again"
        wait(driver, lambda: said in driver.err.read_text())
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
