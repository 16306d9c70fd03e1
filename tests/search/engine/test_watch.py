"""Watch over Ray, on real processes, a real folder and a real port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest
import ray
from ray._private.node import Node
from ray._private.services import ProcessInfo

from search.engine import cluster, watch
from search.engine.jobs import Failure, FailureKind
from search.engine.processes import ended_children
from search.engine.tune import WorkSearcher
from search.errors import RayLostError
from tests.services import until

PROCESSES = ("gcs_server", "raylet", "log_monitor")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Ray's node with processes that sleep in place of its own, and a folder."""
    processes = {name: subprocess.Popen(["sleep", "60"]) for name in PROCESSES}
    node = object.__new__(Node)
    node.all_processes = {
        name: [ProcessInfo(process, *[None] * 7)] for name, process in processes.items()
    }
    monkeypatch.setattr(ray._private.worker, "_global_node", node)
    folder = tmp_path / "ray"
    folder.mkdir()
    yield SimpleNamespace(processes=processes, folder=folder)
    for process in processes.values():
        process.kill()
        process.wait()


@pytest.fixture
def watching(monkeypatch):
    """Return a function that starts a watch with a look, which ends with the test."""
    monkeypatch.setattr(watch, "SECONDS", 0.01)
    started = []

    def start(look):
        started.append(watch.Watch(look))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.close()


def kill(name):
    """Return a harm that kills a process."""

    def harm(own):
        own.processes[name].kill()
        own.processes[name].wait()

    return harm


def remove_folder(own):
    shutil.rmtree(own.folder)


LOSSES = {
    "raylet": (kill("raylet"), "Ray's scheduler (raylet) ended unexpectedly (signal 9)"),
    "GCS": (kill("gcs_server"), "Ray's control process (GCS) ended unexpectedly (signal 9)"),
    "folder": (remove_folder, "Ray's folder {folder} was removed"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_ends_what_needs_ray_although_interrupts_are_caught(own, watching, loss):
    harm, text = LOSSES[loss]
    watched = watching(watch.own_loss(own.folder))

    def catch_one(own):
        harm(own)
        with suppress(KeyboardInterrupt):
            sleep_long()
        sleep_long()

    assert loss_of(watched, catch_one, own) == text.format(folder=own.folder)
    sleep_short()  # and is interrupted no more


def test_a_loss_that_the_block_does_not_see_is_reported_at_its_end(own, watching):
    watched = watching(watch.own_loss(own.folder))
    assert "raylet" in loss_of(watched, kill("raylet"), own)
    sleep_short()


@pytest.mark.parametrize("before", [True, False])
def test_an_error_of_a_ray_that_is_lost_is_the_loss(own, watching, before):
    """It may come just before the process is gone."""

    def fail(own):
        own.processes["gcs_server"].kill()
        if before:
            own.processes["gcs_server"].wait()
        raise ConnectionError

    watched = watching(watch.own_loss(own.folder))
    assert "GCS" in loss_of(watched, fail, own)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ConnectionError])
def test_other_processes_and_errors_are_no_loss(own, watching, error):
    watched = watching(watch.own_loss(own.folder))
    with watched.alive():
        kill("log_monitor")(own)
        sleep_short()
    with pytest.raises(error), watched.alive():
        raise error


def loss_of(watched, harm, own):
    """Return how Ray is said to be lost when it is harmed in the block."""
    with pytest.raises(RayLostError) as raised, watched.alive():
        harm(own)
    return str(raised.value)


def test_a_cluster_is_lost_when_it_was_silent_for_long(watching, monkeypatch):
    monkeypatch.setattr(watch, "SILENT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        watched = watching(watch.cluster_loss(address))
        with watched.alive():
            time.sleep(0.5)
    began = time.monotonic()
    with pytest.raises(RayLostError, match=f"at {address} does not answer"), watched.alive():
        sleep_long()
    assert time.monotonic() - began > 0.2


def test_a_job_that_dies_with_ray_has_not_ended(own, watching, monkeypatch):
    """A resumed search continues it; one whose worker alone dies has failed."""
    ended = []
    work = SimpleNamespace(
        propose=lambda: SimpleNamespace(number=len(ended)),
        on_end=lambda *given: ended.append(given),
    )
    searcher = WorkSearcher(work)
    monkeypatch.setattr(cluster, "_watch", watching(watch.own_loss(own.folder)))
    for trial in ("a", "b"):
        searcher.suggest(trial)
        searcher.on_trial_complete(trial, error=True)
        if trial == "a":
            kill("raylet")(own)
    assert ended == [(0, Failure(FailureKind.WORKER_LOST, "its worker process died"))]


def sleep_long():
    """Wait for an interrupt; the interpreter raises it between two steps."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        time.sleep(0.01)
    pytest.fail("it was not interrupted")


def sleep_short():
    """Run for a while in which nothing is raised."""
    for _ in range(20):
        time.sleep(0.01)


def test_a_process_that_ends_while_ray_starts_is_seen_and_no_earlier_one(tmp_path):
    """Children that nobody has waited for, under the name of Ray's control process."""
    program = tmp_path / "gcs_server"
    program.symlink_to("/bin/true")

    def ended():
        process = subprocess.Popen([program])
        until(lambda: process.pid in ended_children())
        return process

    first = ended()
    look = watch.starting_loss()
    assert look() is None
    second = ended()
    assert look() == "Ray's control process (GCS) ended while it started"
    for process in (first, second):
        process.wait()
    assert look() is None
