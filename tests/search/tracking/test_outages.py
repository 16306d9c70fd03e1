"""Outages of MLflow and crashes of drivers: in the end MLflow shows the same."""

from __future__ import annotations

import itertools
import random
import re
import sqlite3
import time
from contextlib import closing

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import OperationalError

from search import cli
from search.errors import RequestError
from search.store.urls import shown
from search.tracking.client import is_outage
from search.trials.repository import SearchTrials
from tests.search.support import database, new_search, tree
from tests.search.support import finish as finish_trials
from tests.search.tracking.stories import Story, new_store

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


@pytest.fixture
def quick(monkeypatch):
    """Write files of the front that take no time to draw."""

    def write(folder, info, trials, tracking):
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("pareto.html", "pareto.png", "front.csv"):
            (folder / file).write_text(str(len(trials)))

    monkeypatch.setattr("search.tracking.front.write_front", write)


def search_of_four(story):
    """Yield every kind of event of a trial, as one call each."""
    yield lambda: story.start(0, reference="small")
    yield lambda: story.train(0, 1, 2)
    yield lambda: story.start(1)
    yield lambda: story.train(1, 1)
    yield lambda: story.train(0, 3, 4)
    yield lambda: story.end(0, 0.4, 0.1)
    yield story.publish
    yield lambda: story.pause(1)
    yield lambda: story.start(2)
    yield lambda: story.end(2, 0.1, 0.1, state="failed", reason="broken", epochs=0)
    yield lambda: story.start(1)
    yield lambda: story.train(1, 2, 3, 4)
    yield lambda: story.start(3)
    yield lambda: story.train(3, 1)
    yield lambda: story.end(3, 0.1, 0.1, state="pruned", reason="behind", epochs=1, stopped_at=1)
    yield lambda: story.end(1, 0.5, 0.05)
    yield lambda: story.publish(now=True)
    yield lambda: story.read(1, {"test_accuracy": 0.45})
    yield lambda: story.tracker.end_search("finished")


def played(story, fault=None, pace=1.0):
    """Play a story to its end, and return its contents in MLflow without the search's name."""
    story.driver(fault)
    story.begin()
    for happen in search_of_four(story):
        story.time.time += pace
        happen()
    assert story.tracker.close(600)
    return plain(story)


def plain(story):
    """Return a story's contents in MLflow, without the search's name and ids in links."""
    text = repr(story.picture()).replace(story.info.name, "NAME").replace(story.info.run_id, "RUN")
    return eval(re.sub(r"#/experiments/\d+/", "#/experiments/E/", text))


@pytest.fixture(scope="module")
def undisturbed(home, uri):
    return played(Story(uri, home, name="undisturbed"))


class Weather:
    """Fault that makes calls fail at random, before they are made or after."""

    def __init__(self, seed):
        self.random, self.failed = random.Random(seed), 0
        self.is_fair = True

    def __call__(self, name, call):
        chance = self.random.random()
        if self.is_fair or chance > 0.3:
            return call()
        self.failed += 1
        if chance < 0.1:
            call()
        causes = [
            MlflowException("no answer"),
            MlflowException("locked", TEMPORARILY_UNAVAILABLE),
            ConnectionResetError("reset"),
            OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full")),
        ]
        raise self.random.choice(causes)


@pytest.mark.parametrize("seed", range(5))
def test_outages_at_random_change_nothing_in_the_end(home, uri, undisturbed, quick, seed):
    weather = Weather(seed)
    story = Story(uri, home, name=f"weather-{seed}")
    story.driver(weather)
    story.begin()
    weather.is_fair = False
    for happen in search_of_four(story):
        story.time.time += weather.random.choice([0.0, 0.2, 1.0, 4.0])
        happen()
    assert story.tracker.close(600)
    assert weather.failed > 3
    assert plain(story) == undisturbed


class DiedError(BaseException):
    """Death of the driver."""


class Death:
    """Fault that kills the driver at a call, before it is made or after."""

    def __init__(self, at, *, done):
        self.at, self.done, self.count = at, done, itertools.count()

    def __call__(self, name, call):
        if next(self.count) != self.at:
            return call()
        if self.done:
            call()
        raise DiedError


def check_resumed(story):
    """Check that MLflow has one parent, and one run for each trial as in the storage."""
    found = story.picture()
    parent = found.pop("search")
    assert parent["status"] == "RUNNING"
    assert "study.toml" in parent["artifacts"]
    for number, run in found.items():
        record = story.records[int(number)]
        assert run["tags"]["state"] == record.state
        statuses = {"complete": "FINISHED", "failed": "FAILED", "pruned": "KILLED"}
        statuses |= {"running": "RUNNING", "paused": "SCHEDULED"}
        assert run["status"] == statuses[record.state]
        assert run["data"] == ["digits"]
        assert run["artifacts"] == ["config.toml"]
        assert len(run["params"]) > 20
        kept = [(each.epoch, each.val_accuracy) for each in story.epoch_log.read(int(number))]
        assert run["metrics"].get("val_accuracy", "[]") == repr(kept)
    for number, record in story.records.items():
        assert str(number) in found or record.state in ("running", "paused")


SHARES = 4
"""The number of tests that share the calls, so that they can run in parallel."""


@pytest.mark.parametrize(
    "share", [0, *(pytest.param(share, marks=pytest.mark.long) for share in range(1, SHARES))]
)
def test_a_driver_may_die_at_any_call(home, uri, undisturbed, quick, share):
    """Death after a call equals death before the next, except for the contents of the storage."""
    for at in itertools.count(share, SHARES):
        story = Story(uri, home, name=f"death-{at}")
        story.driver(Death(at, done=at // SHARES % 2 == 0))
        steps = search_of_four(story)
        try:
            story.begin()
            for happen in steps:
                story.time.time += 1
                happen()
            break
        except DiedError:
            resume(story)
        if at // SHARES % 8 == 0:
            finish(story, steps)
            assert same_trials(plain(story)) == same_trials(undisturbed)
    assert at > 30


def test_a_driver_may_die_before_mlflow_has_the_run_of_a_trial(home, uri):
    """The next driver creates the run, and sends the logged epochs too."""
    story = Story(uri, home, name="unheard")
    story.begin()
    story.tracker.turn = lambda: None
    story.start(0)
    story.train(0, 1, 2)
    story.driver()
    story.begin()
    story.start(0)
    story.train(0, 1, 2, 3)
    assert story.tracker.close(10)
    assert [step for step, _ in story.curve(story.run(0).info.run_id, "val_accuracy")] == [1, 2, 3]


def finish(story, steps):
    """Play the rest of a story, to its end."""
    for happen in steps:
        story.time.time += 1
        happen()
    assert story.tracker.close(100)


def resume(story):
    """Begin as another driver does, and restart the running trials."""
    known = story.info.run_id
    story.driver()
    assert known in (None, story.begin())
    check_resumed(story)
    for record in story.records.values():
        if record.state == "running":
            story.tracker.start_trial(record)
    story.tracker.turn()


def same_trials(picture):
    """Return the runs of the trials, without readings, which a dead driver may not have sent."""
    found = {number: dict(run) for number, run in picture.items() if number != "search"}
    for run in found.values():
        run["metrics"] = {k: v for k, v in run["metrics"].items() if k != "test_accuracy"}
    return found


@pytest.fixture
def up(mlflow_server, monkeypatch):
    """Return the running server; on a busy machine it may answer late."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    if not mlflow_server.answers():
        mlflow_server.start()
    return mlflow_server


class TestAServer:
    def test_shows_what_a_database_shows(self, up, tmp_path, undisturbed):
        assert played(Story(up.uri, tmp_path, name="plain")) == undisturbed

    def test_gets_a_search_again_and_no_password(self, up, tmp_path, monkeypatch, capsys):
        """The runs were removed for good in between, as by `mlflow gc`."""
        monkeypatch.setattr("search.commands.sync.write_all", lambda *_: [])
        trials = new_search(tmp_path, name="again")
        finish_trials(trials, (0.6, 0.01), (0.9, 0.5))
        uri = up.uri.replace("//", "//me:s3cret@")
        words = ["sync", "again", "--home", str(tmp_path), "--tracking-uri", uri]
        client, seen = MlflowClient(up.uri, up.uri), []
        for _ in range(3):
            assert cli.main(words) == 0
            out, err = capsys.readouterr()
            assert (out, err) == (f"MLflow at {shown(uri)} has 'again': 2 trials, 8 epochs\n", "")
            info = SearchTrials.load(database(tmp_path), "again").info
            runs = client.search_runs([info.experiment_id], "tags.search = 'again'")
            assert sorted(run.data.tags.get("trial", "") for run in runs) == ["", "0", "1"]
            assert {run.info.status for run in runs} == {"FINISHED"}
            seen.append({run.info.run_id for run in runs})
            if len(seen) == 1:
                with closing(sqlite3.connect(up.folder / "mlflow.db", timeout=30)) as store:
                    for table in ("latest_metrics", "metrics", "params", "tags", "runs"):
                        marks = ", ".join("?" for _ in seen[0])
                        wanted = f"DELETE FROM {table} WHERE run_uuid IN ({marks})"
                        store.execute(wanted, list(seen[0]))
                    store.commit()
        assert seen[0].isdisjoint(seen[1])
        assert seen[1] == seen[2]
        assert info.tracking_uri == shown(uri)
        for folder in (tmp_path, up.folder):
            for path in folder.rglob("*"):
                assert not path.is_file() or b"s3cret" not in path.read_bytes(), path

    def test_may_be_away_for_three_trials(self, up, tmp_path, undisturbed, capsys):
        story = Story(up.uri, tmp_path, name="away")
        story.begin()
        steps = search_of_four(story)
        for happen in itertools.islice(steps, 3):
            happen()
        up.stop()
        began = time.monotonic()
        for happen in steps:
            story.time.time += 1
            happen()
        assert time.monotonic() - began < 10
        assert {"pareto.html", "pareto.png", "front.csv"} <= set(tree(story.folder))
        (line,) = capsys.readouterr().err.splitlines()
        assert line == (
            f"swast-search: MLflow at {up.uri} does not answer; its data are queued and sent later"
        )
        up.start()
        assert story.tracker.close(60)
        assert capsys.readouterr().err == f"swast-search: MLflow at {up.uri} answers again\n"
        assert plain(story) == undisturbed

    def test_may_be_away_at_the_end(self, up, tmp_path, undisturbed, capsys):
        story = Story(up.uri, tmp_path, name="late")
        story.begin()
        for count, happen in enumerate(search_of_four(story)):
            if count == 10:
                up.stop()
            story.time.time += 1
            happen()
        assert not story.tracker.close(20)
        with pytest.raises(RequestError, match="cannot be used"):
            story.driver()
        up.start()
        story.driver()
        story.begin()
        story.tracker.end_search("finished")
        assert story.tracker.close(20)
        assert same_trials(plain(story)) == same_trials(undisturbed)
        assert plain(story)["search"]["status"] == "FINISHED"


def test_a_server_that_is_not_there_is_refused_at_once(tmp_path):
    began = time.monotonic()
    with pytest.raises(RequestError, match=r"^the MLflow store http://127.0.0.1:9 cannot be used"):
        Story("http://127.0.0.1:9", tmp_path)
    with pytest.raises(RequestError, match="postgresql"):
        Story("postgresql+psycopg://me:secret@127.0.0.1:9/mlflow", tmp_path)
    assert time.monotonic() - began < 10


def test_a_database_that_fails_for_a_while_is_waited_for(tmp_path, undisturbed, quick, capsys):
    """SQLite reports a missing table by the same error as a lock or a full disk, but at once."""
    story = Story(new_store(tmp_path), tmp_path, name="failing")
    story.begin()
    steps = search_of_four(story)
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE runs RENAME TO walks")
        for happen in itertools.islice(steps, 6):
            happen()
        assert story.tracker.run_of(0) is None
        assert len(capsys.readouterr().err.splitlines()) == 1
        other.execute("ALTER TABLE walks RENAME TO runs")
    for happen in steps:
        story.time.time += 1
        happen()
    assert story.tracker.close(100)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert same_trials(plain(story)) == same_trials(undisturbed)


def test_artifacts_that_cannot_be_written_are_waited_for(tmp_path, undisturbed, quick, capsys):
    story = Story(new_store(tmp_path), tmp_path, name="full")
    story.begin()
    place = tmp_path / "mlartifacts" / "tiny"
    place.rename(tmp_path / "aside")
    place.write_text("in the way")
    steps = search_of_four(story)
    for happen in itertools.islice(steps, 6):
        happen()
    assert len(capsys.readouterr().err.splitlines()) == 1
    place.unlink()
    (tmp_path / "aside").rename(place)
    finish(story, steps)
    assert same_trials(plain(story)) == same_trials(undisturbed)


class TestErrors:
    @pytest.mark.parametrize(
        "error",
        [
            MlflowException("API request to http://… failed with exception …"),
            MlflowException("busy", TEMPORARILY_UNAVAILABLE),
            OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked")),
            OSError(28, "No space left on device"),
            TimeoutError(),
        ],
    )
    def test_that_are_outages(self, error):
        assert is_outage(error)

    @pytest.mark.parametrize(
        "error",
        [
            MlflowException.invalid_parameter_value("no such name"),
            ValueError("ours"),
            KeyError("ours"),
        ],
    )
    def test_that_are_none(self, error):
        assert not is_outage(error)

    def test_of_ours_that_mlflow_wraps_are_none(self):
        error = MlflowException("unsupported type")
        error.__cause__ = TypeError("ours")
        assert not is_outage(error)
