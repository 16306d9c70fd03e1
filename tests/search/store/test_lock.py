"""Locks of searches, held by real processes, in files and in PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from search.errors import RequestError
from search.store.lock import held
from tests.search.support import database
from tests.services import until

REPOSITORY = Path(__file__).parents[3]
CODE = """
import sys
from pathlib import Path
from search.store.lock import held
with held(sys.argv[1], "trip", Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """URL of a search database without searches or tables."""
    if request.param == "sqlite":
        return database(tmp_path)
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def other(url, tmp_path):
    """Start other processes that lock the search from homes of their own; end them at last."""
    started = []

    def start(home="elsewhere"):
        command = [sys.executable, "-c", CODE, url, str(tmp_path / home)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(command, text=True, cwd=REPOSITORY, **pipes)
        started.append(process)
        return SimpleNamespace(process=process, said=process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        with process:  # closes the pipes and waits
            pass


def is_free(url, folder):
    """Return whether the search can be locked here."""
    try:
        with held(url, "trip", folder):
            return True
    except RequestError as error:
        if str(error) != "search 'trip' is being run by another process":
            raise
        return False


def test_another_process_is_refused_while_a_search_is_held_and_let_in_afterwards(
    url, other, tmp_path
):
    with held(url, "trip", tmp_path / "a"), held(url, "another", tmp_path / "b"):
        refused = other()
        assert refused.said == ""
        assert "search 'trip' is being run by another process" in refused.process.stderr.read()
    assert other().said == "held\n"
    assert not is_free(url, tmp_path / "a")


def test_a_killed_process_holds_nothing(url, other, tmp_path):
    holder = other()
    assert holder.said == "held\n"
    assert not is_free(url, tmp_path / "a")
    os.kill(holder.process.pid, signal.SIGKILL)
    holder.process.wait()
    assert until(lambda: is_free(url, tmp_path / "a"), 10)


def test_a_search_is_let_go_when_what_holds_it_fails(url, tmp_path):
    def fail():
        with held(url, "trip", tmp_path / "a"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert is_free(url, tmp_path / "a")


def test_a_folder_serves_one_search_at_a_time_whatever_the_database(tmp_path):
    """Two databases may each have a search of that name; both put its files in one folder."""
    with held("sqlite:///one.db", "trip", tmp_path / "a"):
        assert not is_free("sqlite:///two.db", tmp_path / "a")
        assert is_free("sqlite:///two.db", tmp_path / "b")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder of the test's own, so that relative paths lead there."""
    monkeypatch.chdir(tmp_path)


class TestAServer:
    def test_that_is_restarted_does_not_crash_who_holds_a_search_there(self, postgres, tmp_path):
        with held(postgres.new_database(), "trip", tmp_path):
            postgres.restart()
        with held(postgres.new_database(), "trip", tmp_path):
            pass

    def test_that_was_restarted_is_told_again_who_holds_it(self, postgres, tmp_path):
        url = postgres.new_database()
        with held(url, "trip", tmp_path / "a", look=0.05):
            postgres.restart()
            assert until(lambda: not is_free(url, tmp_path / "b"), 20)
        assert is_free(url, tmp_path / "b")

    def test_that_is_gone_at_the_end_does_not_hide_what_happened(self, postgres, tmp_path):
        url = postgres.new_database()

        def lose():
            with held(url, "trip", tmp_path, look=0.05):
                postgres.stop()
                raise KeyError("mine")

        try:
            with pytest.raises(KeyError, match="mine"):
                lose()
        finally:
            postgres.start()

    def test_that_cannot_be_reached_is_refused_without_its_password(self, postgres, tmp_path):
        url = postgres.url(port=1)
        with (
            pytest.raises(RequestError, match="cannot be used: ") as caught,
            held(url, "trip", tmp_path),
        ):
            pass
        assert postgres.password not in str(caught.value)
