"""Fixtures: a folder with a home of searches, and the command in this process."""

from __future__ import annotations

import shutil

import pytest
import ray

from search.cli import main
from search.store.home import Home
from search.store.lock import held
from tests.search.support import TINY, database, finish, new_search, record, tree


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a home with a search of five trials, and one in which nothing has finished."""
    home = tmp_path_factory.mktemp("kept")
    with held(database(home), "trip", Home(home).search("trip")):
        trials = new_search(home, budget=5)
    finish(trials, (0.6, 0.01), (0.9, 1.0), (0.85, 0.05))
    trials.settle(record(trials.ask().number, state="failed", epochs=1, reason="broken"))
    trials.ask()
    new_search(home, name="bare")
    return home


@pytest.fixture
def place(tmp_path, monkeypatch, kept):
    """Return a folder to run in, with a copy of that home and a study file, without Ray."""

    def refuse(*_, **__):
        raise AssertionError("Ray was started")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.chdir(tmp_path)
    for name in ("SWAST_HOME", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(kept, tmp_path / "home")
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


@pytest.fixture
def swast_search(capsys):
    """Return a function that runs the command: exit code, output, errors."""

    def run(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


@pytest.fixture
def refused(swast_search, place):
    """Return a function that checks that a command is refused, and returns its one line."""

    def run(*words):
        before = tree(place)
        code, out, err = swast_search(*words)
        assert (code, out) == (2, "")
        (line,) = err.splitlines()
        assert line.startswith("swast-search")
        assert tree(place) == before
        return line

    return run
