"""The pieces of `ui`; tests/e2e serves a real search."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from search.errors import SearchFailedError
from search.home import Home
from search.links import run_page
from search.server import free_port, wait_until_up
from search.ui import base_of, mlflow_server


class Healthy(BaseHTTPRequestHandler):
    """Answers as a server does that is up."""

    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def taken():
    """A port at which a server answers."""
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
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

    def test_ends_when_the_server_does(self):
        server = started("raise SystemExit(3)")
        with pytest.raises(SearchFailedError, match="did not start"):
            wait_until_up(server, f"http://127.0.0.1:{free_port(0)}/health", "it")
        assert server.wait() == 3


def test_links_open_the_view_for_training():
    """Whatever mode the page was in before."""
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
