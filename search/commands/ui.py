"""`ui`: MLflow's server on the home's store, and links to the search."""

from __future__ import annotations

import importlib.util
import json
import sys
from argparse import Namespace
from contextlib import ExitStack
from urllib.parse import urlsplit

from search.commands.server import (
    HOST,
    Server,
    free_port,
    opener,
    serving,
    until_interrupted,
    wait_for_any,
)
from search.commands.server import wait_until_up as wait
from search.errors import RequestError
from search.store.home import Home, check_tracking, open_home
from search.store.urls import is_loopback, is_server, shown
from search.tracking.links import PLOT, VIEW, chart_page, opens_views, run_page
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from search.trials.stored_searches import search_names
from swast.printing import out

DASHBOARD = """
import sys
from os import environ
from optuna_dashboard import run_server
run_server(environ["SWAST_STORAGE"], sys.argv[1], int(sys.argv[2]))
"""
"""Program of the process that serves Optuna's dashboard."""
ANSWER_SECONDS = 5
MLFLOW, OPTUNA = "the MLflow server", "Optuna's dashboard"


def ui(options: Namespace) -> None:
    """Serve MLflow on 127.0.0.1 until interrupted; for an MLflow server, print only the links.

    Raises:
        RequestError: the home has no searches, or none of that name, its MLflow store cannot be
            used, or the dashboard is not installed.
        SearchFailedError: a server did not start, or ended by itself.
    """
    home, storage = Home.find(options.home), open_home(options)
    trials = chosen(storage, options.name)
    uri = trials.info.tracked_at(options.tracking_uri, home)
    check_tracking(uri, home, new=False)
    if options.dashboard:
        check_dashboard()
    servers: dict[str, Server] = {}
    with until_interrupted(), ExitStack() as stack:
        address = base_of(uri)
        if address is None:
            prepare_store(uri, home)
            port = free_port(options.port)
            address, started = f"http://{HOST}:{port}", serving(*mlflow_server(uri, home, port))
            servers[MLFLOW] = stack.enter_context(started)
            wait(servers[MLFLOW], f"{address}/health", MLFLOW)
        lines = links(trials.info, address)
        if options.dashboard:
            port = free_port(0)
            servers[OPTUNA] = stack.enter_context(serving(*dashboard(storage, port)))
            wait(servers[OPTUNA], f"http://{HOST}:{port}/", OPTUNA)
            lines.append(f"optuna: http://{HOST}:{port}/dashboard/studies/{trials.study_id}")
        for line in [*lines, "Ctrl-C stops it."] if servers else lines:
            out(line)
        wait_for_any(servers)


def chosen(storage: str, name: str | None) -> SearchTrials:
    """Return the search of a name, or without a name the last one.

    Raises:
        RequestError: there is no such search.
    """
    names = search_names(storage)
    if not names and not name:
        raise RequestError(f"no searches in {shown(storage)}")
    return SearchTrials.load(storage, name or names[-1])


def base_of(uri: str) -> str | None:
    """Return the address of an MLflow server, without a password; None for a database."""
    if not is_server(uri):
        return None
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def prepare_store(uri: str, home: Home) -> None:
    """Prepare the home's own store for this version of MLflow and for the home's place.

    Raises:
        RequestError: the installed MLflow cannot open it.
    """
    if home.owns(uri):
        from search.tracking.client import open_store

        open_store(uri)


def mlflow_server(uri: str, home: Home, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command that serves a store to this machine alone, and its variables."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--workers", "1", "--artifacts-destination", home.artifacts.as_uri()]
    # A web page may use another host name for this address, to read the store (DNS rebinding).
    command += ["--allowed-hosts", f"{HOST}:{port},localhost:{port}"]
    return command, {
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def dashboard(storage: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command that serves Optuna's dashboard on a storage, and its variables."""
    return [sys.executable, "-c", DASHBOARD, HOST, str(port)], {"SWAST_STORAGE": storage}


def check_dashboard() -> None:
    """Check that Optuna's dashboard is installed.

    Raises:
        RequestError: it is not; the message has the command that installs it.
    """
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise RequestError("--dashboard needs optuna-dashboard: pip install 'swast[dashboard]'")


def links(info: SearchInfo, address: str) -> list[str]:
    """Return links to the search's run, the charts of its trials, and its front.

    The charts are left out if this MLflow is not known to open the view, or has no view.
    """
    if info.experiment_id is None or info.run_id is None:
        return [f"{address}/", f"search {info.name!r} is not in MLflow yet"]
    place = (info.experiment_id, info.run_id)
    found = [f"{address}/{run_page(*place)}"]
    if has_view(info, address):
        found.append(f"charts: {address}/{chart_page(*place)}")
    return [*found, f"plot: {address}/{run_page(*place, PLOT)}"]


def has_view(info: SearchInfo, address: str) -> bool:
    """Return whether an MLflow server has the search's view and is known to open it."""
    try:
        if not opens_views(_get(f"{address}/version")):
            return False
        page = f"{address}/api/2.0/mlflow/experiments/get?experiment_id={info.experiment_id}"
        tags = json.loads(_get(page))["experiment"].get("tags", [])
    except (OSError, ValueError, LookupError):
        return False
    return f"{VIEW}{info.run_id}" in {tag["key"] for tag in tags}


def _get(page: str) -> str:
    """Return a server's answer as text; use no proxy for a server on this machine."""
    opened = opener(direct=is_loopback(page)).open(page, timeout=ANSWER_SECONDS)
    with opened as answer:
        return str(answer.read().decode())
