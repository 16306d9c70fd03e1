"""Parts of `ui`; tests/e2e serves a real search."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from search import cli
from search.commands.server import free_port, serving, until_interrupted, wait_until_up
from search.commands.ui import base_of, mlflow_server
from search.engine.processes import marked
from search.errors import SearchFailedError
from search.store.home import Home
from search.tracking.links import VIEW, run_page
from tests.search.support import blank_database, new_search


class Healthy(BaseHTTPRequestHandler):
    """Server that is up."""

    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def taken(request):
    """Yield a port at which a server answers: `Healthy`, or the parameter."""
    with HTTPServer(("127.0.0.1", 0), getattr(request, "param", Healthy)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def started(code):
    return subprocess.Popen([sys.executable, "-c", code])


class TestPort:
    def test_is_the_one_wanted_where_it_is_free(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        assert free_port(port) == port

    def test_is_another_where_it_is_taken(self, taken):
        port = free_port(taken)
        assert port != taken
        assert 1024 <= port <= 65535

    def test_is_any_where_none_is_wanted(self):
        assert 1024 <= free_port(0) <= 65535


class TestWaiting:
    def test_ends_when_the_server_answers(self, taken):
        server = started("import time; time.sleep(60)")
        try:
            wait_until_up(server, f"http://127.0.0.1:{taken}/health", "it")
            assert server.poll() is None
        finally:
            server.kill()
            server.wait()

    def test_goes_through_no_proxy(self, taken, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        server = started("import time; time.sleep(60)")
        try:
            wait_until_up(server, f"http://127.0.0.1:{taken}/health", "it")
        finally:
            server.kill()
            server.wait()

    def test_ends_when_the_server_does(self):
        server = started("raise SystemExit(3)")
        with pytest.raises(SearchFailedError, match="did not start"):
            wait_until_up(server, f"http://127.0.0.1:{free_port(0)}/health", "it")
        assert server.wait() == 3


KILLED = """
import sys
from search.commands.server import serving
with serving(["sh", "-c", "sleep 60 & sleep 60"], {}):
    sys.stdin.read()
"""


def test_a_server_ends_with_a_command_that_is_killed():
    token = secrets.token_hex(8)
    command = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, env={**os.environ, "MARK": token}
    )
    with command:
        assert holds_soon(lambda: len(marked(token)) >= 4)  # the server's are three
        command.kill()
    assert holds_soon(lambda: not marked(token))


@pytest.mark.parametrize("ignored", [True, False])
def test_a_closed_terminal_ends_a_serving_command_without_nohup_alone(ignored):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    lasted = False
    try:
        with until_interrupted():
            signal.raise_signal(signal.SIGHUP)
            lasted = True
    finally:
        signal.signal(signal.SIGHUP, before)
    assert lasted == ignored


def holds_soon(condition):
    """Return whether a condition holds within 20 s."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not condition():
        time.sleep(0.02)
    return condition()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 looks there first")
def test_a_server_takes_no_modules_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    with serving([sys.executable, "-S", "-m", "queue"], {}) as server:
        assert server.wait(30) == 0


def test_links_open_the_view_for_training():
    """Also if the page was in another mode before."""
    assert run_page("7", "abc") == "#/experiments/7/runs/abc?workflowType=machine_learning"
    assert run_page("7", "abc", "plots/pareto.html").startswith(
        "#/experiments/7/runs/abc/artifacts/plots/pareto.html?"
    )


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sqlite:////tmp/mlflow.db", None),
        ("postgresql+psycopg://me:secret@db/mlflow", None),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://me:secret@lab.example:8443/mlflow/", "https://lab.example:8443/mlflow"),
    ],
)
def test_a_server_is_linked_to_without_its_password(uri, address):
    assert base_of(uri) == address


def test_the_server_serves_the_store_to_this_machine_alone(tmp_path):
    uri = "postgresql+psycopg://me:secret@db/mlflow"
    words, environment = mlflow_server(uri, Home(tmp_path), 5001)
    options = dict(itertools.pairwise(words))
    assert options["--host"] == "127.0.0.1"
    assert options["--port"] == "5001"
    assert options["--allowed-hosts"] == "127.0.0.1:5001,localhost:5001"
    assert options["--artifacts-destination"] == (tmp_path / "mlartifacts").as_uri()
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri
    assert not any("secret" in word for word in words)  # other users can read a command


class MlflowAnswers(Healthy):
    """MLflow server with, or without, the view of a search."""

    version, tags = "3.17.2", [{"key": f"{VIEW}ab", "value": "…"}]

    def do_GET(self):
        pages = {
            "/version": self.version,
            "/api/2.0/mlflow/experiments/get?experiment_id=7": json.dumps(
                {"experiment": {"experiment_id": "7", "tags": self.tags}}
            ),
        }
        self.send_response(200 if self.path in pages else 404)
        self.end_headers()
        self.wfile.write(pages.get(self.path, "").encode())


class TestASearchTrackedAtAServer:
    @pytest.fixture
    def home(self, tmp_path, taken):
        """Return a home with one search, tracked at an MLflow server."""
        trials, uri = new_search(tmp_path), f"http://127.0.0.1:{taken}"
        trials.remember(experiment_id="7", run_id="ab", tracking_uri=uri)
        return tmp_path

    @pytest.mark.parametrize("taken", [MlflowAnswers], indirect=True)
    def test_is_linked_to_and_nothing_is_served(self, home, taken, capsys):
        assert cli.main(["ui", "--home", str(home)]) == 0
        address = f"http://127.0.0.1:{taken}/#/experiments/7/runs"
        assert capsys.readouterr().out.splitlines() == [
            f"{address}/ab?workflowType=machine_learning",
            f"charts: {address}?workflowType=machine_learning&viewStateShareKey=ab"
            "&compareRunsMode=CHART",
            f"plot: {address}/ab/artifacts/plots/pareto.html?workflowType=machine_learning",
        ]
        assert not (home / "mlflow.db").exists()

    @pytest.mark.parametrize(
        ("taken", "more"),
        [(MlflowAnswers, {"version": "3.18.0"}), (MlflowAnswers, {"tags": []}), (Healthy, {})],
        indirect=["taken"],
    )
    def test_is_shown_by_its_plot_where_the_view_may_not_open(
        self, home, more, capsys, monkeypatch
    ):
        """An untested version of MLflow, a search without a view, a server without an answer."""
        for name, value in more.items():
            monkeypatch.setattr(MlflowAnswers, name, value)
        assert cli.main(["ui", "--home", str(home)]) == 0
        out = capsys.readouterr().out
        assert "charts" not in out
        assert "plot: " in out

    def test_may_take_a_password_that_is_not_kept(self, tmp_path, capsys):
        uri = "postgresql+psycopg://me:***@db/mlflow"
        new_search(tmp_path).remember(tracking_uri=uri)
        assert cli.main(["ui", "--home", str(tmp_path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"was tracked at {uri}" in line
        assert "--tracking-uri" in line


def test_a_dashboard_that_is_not_installed_is_refused(tmp_path, capsys, monkeypatch):
    new_search(tmp_path)
    (tmp_path / "mlflow.db").write_bytes(blank_database())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["ui", "--dashboard", "--home", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "swast-search: --dashboard needs optuna-dashboard: pip install 'swast[dashboard]'\n"
    )


def test_a_store_that_is_not_there_is_not_made(tmp_path, capsys):
    new_search(tmp_path)
    assert cli.main(["ui", "--home", str(tmp_path)]) == 2
    assert "mlflow.db cannot be used: there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "mlflow.db").exists()
