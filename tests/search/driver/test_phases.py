"""Phases of a search on terminals and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.driver import phases
from search.driver.phases import ERASE
from search.driver.request import Request
from tests.search.support import TINY

FIRST_SECONDS = 2.0
"""The first phase comes after 0.2 s on an idle machine; tests beside it take the cores."""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(monkeypatch, stream, request):
    """Return what two phases and their end print."""
    monkeypatch.setattr(sys, "stdout", stream)
    phases.begin(request, "reading")
    phases.begin(request, "starting")
    phases.end(request)
    return stream.getvalue()


def test_a_phase_takes_the_line_of_the_one_before(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    told = printed(monkeypatch, Terminal(), Request())
    assert told == f"{ERASE}reading …{ERASE}starting …{ERASE}"


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["pipe", "dumb terminal"])
def test_nothing_is_printed_that_cannot_be_erased(monkeypatch, stream):
    monkeypatch.setenv("TERM", "dumb")
    assert printed(monkeypatch, stream(), Request()) == ""


@pytest.mark.parametrize(
    "request_", [Request(quiet=True), Request(dry_run=True), Request(json=Path("-"))]
)
def test_nothing_is_printed_where_nothing_is_wanted(monkeypatch, request_):
    monkeypatch.setenv("TERM", "xterm")
    assert printed(monkeypatch, Terminal(), request_) == ""


def test_the_first_phase_comes_at_once_and_a_refusal_leaves_one_line(tmp_path):
    """On a real terminal, from the real command; the study's data are not there."""
    (tmp_path / "tiny.toml").write_text(TINY.replace("[fixed]", '[fixed]\ndata = "cifar10"', 1))
    command = Path(sys.executable).with_name("swast-search")
    words = [command, "--study", "tiny.toml", "--gpus", "0", "--home", "home"]
    ours, theirs = pty.openpty()
    began = time.monotonic()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=theirs, stderr=theirs, stdin=theirs, env=environment
    ) as process:
        os.close(theirs)
        first = os.read(ours, 4096).decode()
        after = time.monotonic() - began
        rest = b""
        while chunk := read(ours):
            rest += chunk
        assert process.wait() == 2
    assert after < FIRST_SECONDS
    assert first == f"{ERASE}reading the study and its data …"
    assert rest.decode().startswith(f"{ERASE}swast-search: ")
    assert rest.count(b"\n") == 1


def read(terminal):
    """Return the next bytes of a terminal; none at its end."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
