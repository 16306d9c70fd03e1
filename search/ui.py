"""`ui`: MLflow's server on the home's store, and a link that lands on the search."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from search.errors import RequestError, SearchFailedError
from search.home import Home, shown
from search.info import SearchInfo
from search.show import open_home
from search.trials import SearchTrials, search_names

START_SECONDS = 120
PLOT = "/artifacts/plots/pareto.html"
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def ui(options: Namespace) -> None:
    """Serve MLflow on 127.0.0.1 until interrupted.

    Raises:
        RequestError: the home holds no searches, or not the one that is named.
        SearchFailedError: the server did not start.
    """
    home, storage = Home.find(options.home), open_home(options)
    names = search_names(storage)
    if not names and not options.name:
        raise RequestError(f"no searches in {shown(storage)}")
    info = SearchTrials.load(storage, options.name or names[-1]).info
    port = free_port(options.port)
    with serving(home, port) as server:
        wait_until_up(server, port)
        sys.stdout.write(f"{link(info, port)}\nplot: {link(info, port, PLOT)}\nCtrl-C stops it.\n")
        sys.stdout.flush()
        server.wait()


@contextmanager
def serving(home: Home, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server, in a process group of its own that is gone when the block ends.

    An interrupt (Ctrl-C) or a termination ends the block quietly.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    server = subprocess.Popen(
        server_command(home, port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | ENVIRONMENT,
        start_new_session=True,
    )
    try:
        with suppress(KeyboardInterrupt):
            yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def server_command(home: Home, port: int) -> list[str]:
    """The command that serves a home's store."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", home.tracking]
    return [*command, "--artifacts-destination", home.artifacts.as_uri()]


def link(info: SearchInfo, port: int, artifact: str = "") -> str:
    """The page of a search's parent run, or of one of its artifacts, in the training view."""
    page = f"experiments/{info.experiment_id}/runs/{info.run_id}{artifact}"
    return f"http://127.0.0.1:{port}/#/{page}?workflowType=machine_learning"


def free_port(wanted: int) -> int:
    """The port wanted, or a free one where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RequestError(f"--port {wanted}: neither it nor any other port can be used")


def wait_until_up(server: subprocess.Popen[bytes], port: int) -> None:
    """Return when the server answers.

    Raises:
        SearchFailedError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SearchFailedError("the MLflow server did not start")
