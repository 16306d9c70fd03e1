"""Addresses of clusters that cannot be joined: a line each."""

from __future__ import annotations

import importlib.metadata
import platform
import socket
import subprocess

import pytest

from search.engine import join
from search.errors import RequestError

RAY, PYTHON = importlib.metadata.version("ray"), platform.python_version()
GOOD = {"address": "a:1", "cpus": 2.0, "ray_version": RAY, "python_version": PYTHON}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ray://127.0.0.1:10001", "give host:port of `ray start`"),
        ("here", "give host:port"),
        ("here:99999", "give host:port"),
        ("127.0.0.1:1", "no Ray cluster answers: Connection refused"),
        ("no-such-host.invalid:6379", "no Ray cluster answers"),
    ],
)
def test_a_wrong_address_is_refused_at_once(address, words):
    with pytest.raises(RequestError, match=f"^--address {address}: {words}"):
        join.find(address)


@pytest.mark.parametrize(
    ("answer", "token", "words"),
    [
        ({"fault": "token"}, None, "there is none: put its `ray get-auth-token`"),
        ({"fault": "token"}, "a" * 32, "refuses the one in ~/.ray/auth_token"),
        (GOOD | {"ray_version": "2.1.0"}, None, "the cluster runs Ray 2.1.0, and this is Ray"),
        (GOOD | {"python_version": "3.9.1"}, None, "the cluster runs Python 3.9.1"),
        (GOOD | {"cpus": 0}, None, "the cluster has no CPUs"),
        ({"fault": "none"}, None, "RAY_ADDRESS is not set"),
    ],
)
def test_what_is_missing_is_said_in_a_line(monkeypatch, tmp_path, answer, token, words):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    if token:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    monkeypatch.setattr(join, "_ask", lambda *_: answer)
    with pytest.raises(RequestError, match=words) as found:
        join.find("auto")
    assert len(str(found.value).splitlines()) == 1


def test_a_service_that_is_silent_is_given_up(monkeypatch):
    def silent(*_, timeout, **__):
        raise subprocess.TimeoutExpired("ask", timeout)

    monkeypatch.setattr(subprocess, "run", silent)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(RequestError, match="does not speak Ray's protocol in 15 s"):
            join.find(f"127.0.0.1:{port}")
