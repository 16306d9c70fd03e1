"""Paths in the home, and refusals before anything is written."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from search.errors import RequestError
from search.store.home import Home
from search.store.urls import check_store, shown, sqlite_file
from tests.search.support import new_search, tree

KILLED = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 1")
database.executemany("INSERT INTO kept VALUES (?)", [("x" * 999,)] * 99)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder of the test's own, without a home in the environment."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("SWAST_HOME", raising=False)


@contextlib.contextmanager
def unprivileged():
    """Drop the superuser's rights, since permissions do not bind the superuser."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


class TestFinding:
    def test_takes_the_folder_given_then_the_environments_then_the_usual_one(
        self, tmp_path, monkeypatch
    ):
        usual = tmp_path / "here" / "swast-home"
        assert Home.find(None).path == usual
        monkeypatch.setenv("SWAST_HOME", str(tmp_path / "mine"))
        assert Home.find(None).path == tmp_path / "mine"
        assert Home.find(Path("given")).path == tmp_path / "here" / "given"
        monkeypatch.setenv("SWAST_HOME", "")
        assert Home.find(None).path == usual

    def test_knows_the_home_that_a_command_finds_by_itself(self, tmp_path, monkeypatch):
        assert Home.find(Path("swast-home")).is_default
        assert not Home.find(tmp_path / "mine").is_default
        monkeypatch.setenv("SWAST_HOME", str(tmp_path / "mine"))
        assert Home.find(tmp_path / "mine").is_default

    def test_says_where_things_lie(self, tmp_path):
        home = Home(tmp_path)
        assert home.storage == f"sqlite:///{tmp_path}/optuna.db"
        assert home.tracking == f"sqlite:///{tmp_path}/mlflow.db"
        assert home.artifacts == tmp_path / "mlartifacts"
        assert home.search("trip") == tmp_path / "searches" / "trip"


class TestWritable:
    def test_is_a_folder_and_one_that_can_be_made(self, tmp_path):
        before = tree(tmp_path)
        Home(tmp_path).check_writable()
        Home(tmp_path / "a" / "b").check_writable()
        assert tree(tmp_path) == before

    def test_is_nothing_below_a_file(self, tmp_path):
        (tmp_path / "file").write_text("")
        for path in (tmp_path / "file", tmp_path / "file" / "home"):
            with pytest.raises(RequestError, match=f"--home {path} cannot be written to"):
                Home(path).check_writable()

    def test_is_nothing_in_a_folder_where_nothing_can_be_made(self):
        """Its owner cannot write there either, although the permissions allow it."""
        with pytest.raises(RequestError, match="--home /proc/nowhere cannot be written to"):
            Home(Path("/proc/nowhere")).check_writable()

    @pytest.mark.parametrize("mode", [0o555, 0o500, 0o000])
    def test_is_nothing_in_a_folder_of_others(self, tmp_path, mode):
        """It may be readable or not."""
        (tmp_path / "theirs").mkdir(mode=mode)
        home = Home(tmp_path / "theirs" / "home")
        with unprivileged(), pytest.raises(RequestError, match="cannot be written to"):
            home.check_writable()


class TestExisting:
    def test_is_a_home_with_searches(self, tmp_path):
        new_search(tmp_path)
        Home(tmp_path).check_exists()

    @pytest.mark.parametrize("name", ["", "missing"])
    def test_is_no_other_folder(self, tmp_path, name):
        before = tree(tmp_path)
        with pytest.raises(RequestError, match=f"no searches in {tmp_path / name}"):
            Home(tmp_path / name).check_exists()
        assert tree(tmp_path) == before


class TestStores:
    def test_are_files_whatever_options_follow(self):
        assert sqlite_file("sqlite:////a/b.db?timeout=60") == Path("/a/b.db")
        assert sqlite_file("sqlite:///b.db") == Path("b.db")
        assert sqlite_file("postgresql://host/db?user=me") is None

    def test_are_usable_after_a_writer_was_killed_in_the_middle(self, tmp_path):
        """Its journal and the pages that it had changed are still there."""
        path = tmp_path / "store.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE kept (value)")
        subprocess.run([sys.executable, "-c", KILLED, path], check=False)
        assert (tmp_path / "store.db-journal").stat().st_size
        check_store("the store", f"sqlite:///{path}", new=False)
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT COUNT(*) FROM kept").fetchone() == (0,)

    def test_are_refused_where_a_file_is_something_else(self, tmp_path):
        path = tmp_path / "store.db"
        path.write_text("not a database" * 99)
        before = tree(tmp_path)
        with pytest.raises(RequestError, match=f"sqlite:///{path} cannot be used: file is not a"):
            check_store("the store", f"sqlite:///{path}", new=True)
        assert tree(tmp_path) == before


class TestPasswords:
    @pytest.mark.parametrize(
        ("url", "printed"),
        [
            ("postgresql+psycopg://me:s3cret@host:5/db", "postgresql+psycopg://me:***@host:5/db"),
            ("http://me:s3cret@host:5000", "http://me:***@host:5000"),
            ("postgresql://host/db?user=me&password=s3cret", "postgresql://host/db?user=me"),
            ("postgresql://me:s3@cret@host:port/db", "…@host:port/db"),
            ("me:s3cret@host/db", "…@host/db"),
        ],
    )
    def test_are_not_printed(self, url, printed):
        assert shown(url) == printed

    @pytest.mark.parametrize("url", ["sqlite:////a@b/password.db", "http://host:5000", "nonsense"])
    def test_are_not_seen_where_there_are_none(self, url):
        assert shown(url) == url

    def test_are_not_printed_by_a_refusal(self):
        with pytest.raises(RequestError, match=r"the store …@host/db cannot be used"):
            check_store("the store", "me:s3cret@host/db", new=True)


def test_a_home_without_locks_is_refused(tmp_path, monkeypatch):
    def refuse(file, kind):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(RequestError, match=r"without locks.*SWAST_HOME") as caught:
        Home(tmp_path / "new").check_writable()
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "new").exists()
