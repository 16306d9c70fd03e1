"""`watch`: a search that another process runs."""

from __future__ import annotations

import threading
from argparse import Namespace

import pytest

from search.commands.watch import watch, with_epochs
from search.errors import RequestError
from search.objectives import STANDARD
from search.store.epoch_log import EpochLog
from search.store.home import Home
from search.store.lock import held, is_held
from search.trials.repository import SearchTrials
from tests.search.support import database, epoch, finish, new_search, record


def follow(home, name="trip"):
    watch(Namespace(name=name, home=home, storage=None))


@pytest.fixture
def looked(monkeypatch):
    """Return an event that is set when the watcher has read the trials and sleeps."""
    event = threading.Event()
    monkeypatch.setattr("search.commands.watch.time.sleep", lambda seconds: event.set())
    return event


def test_a_search_that_nobody_runs_is_shown_once(tmp_path, capsys):
    trials = new_search(tmp_path, budget=3)
    finish(trials, (0.6, 0.01), (0.9, 1.0))
    follow(tmp_path)
    out = capsys.readouterr().out
    assert out == "no process runs 'trip'\n"


def test_a_search_is_followed_until_its_process_ends(tmp_path, looked, capsys):
    trials = new_search(tmp_path, budget=3)
    finish(trials, (0.6, 0.01))
    with held(database(tmp_path), "trip", Home(tmp_path).search("trip")):
        watcher = threading.Thread(target=follow, args=(tmp_path,))
        watcher.start()
        assert looked.wait(30)
        asked = trials.ask()
        trials.settle(record(asked.number, 0.8, 0.2))
        assert watcher.is_alive()
    watcher.join(30)
    assert not watcher.is_alive()
    out = capsys.readouterr().out
    assert "#1 dense: accuracy 80.00%" in out
    assert "#0" not in out
    assert out.endswith("no process runs 'trip'\n")


def test_a_running_trial_shows_the_epochs_it_has_made(tmp_path):
    EpochLog(tmp_path / "histories").extend(1, [epoch(1, 0.5), epoch(2, 0.7)])
    records = [record(0, 0.9), record(1, state="running", score=None, epochs=0)]
    done, running = with_epochs(records, tmp_path, STANDARD)
    assert done == records[0]
    assert (running.epochs, running.score) == (2, 0.7)


def test_a_search_is_held_by_the_process_that_runs_it_alone(tmp_path):
    folder = tmp_path / "searches" / "trip"
    assert not is_held(folder)
    with held(database(tmp_path), "trip", folder):
        assert is_held(folder)
    assert not is_held(folder)


def test_a_search_that_there_is_not_is_refused(tmp_path):
    new_search(tmp_path)
    with pytest.raises(RequestError, match="no search named 'tripp'"):
        follow(tmp_path, "tripp")
    assert SearchTrials.load(database(tmp_path), "trip")
