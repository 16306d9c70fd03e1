"""Whatever MLflow answers: no fault ends a search, each is said once, and data arrive later."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from urllib.parse import quote
from urllib.request import proxy_bypass_environment

import pytest
import requests
from alembic import command
from alembic.script import ScriptDirectory
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import UNAUTHENTICATED
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base
from sqlalchemy import create_engine

from search.errors import RequestError
from search.store.home import Home
from search.store.process import process_settings
from search.tracking.client import SlowAnswerError, in_time, open_store
from search.tracking.faults import fault_of
from search.tracking.own_store import LOCATIONS
from search.tracking.retry_queue import MOST_TRIES
from tests.search.tracking.stories import Story, new_store
from tests.search.tracking.test_outages import finish, plain, played, quick, search_of_four

__all__ = ["quick"]
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


class NoCredentialsError(Exception):
    """Stand-in for boto3's error of that name."""


def answered(status):
    """Return the error for an HTTP answer to an upload."""
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} Client Error", response=response)


def wrapped(error):
    """Return the error that MLflow makes of one of `requests`."""
    try:
        try:
            raise error
        except requests.RequestException as cause:
            raise MlflowException(f"API request failed with exception {cause}")  # noqa: B904
    except MlflowException as made:
        return made


NO_JSON = "the response body was not in a valid JSON format. Response body: '<html>'"
TOO_LARGE = "API request to endpoint /api failed with error code 413 != 200. Response body: ''"
PASSING = {
    "token or password (HTTP 401)": MlflowException("expired", UNAUTHENTICATED),
    "forbids a call (HTTP 403)": RestException({"error_code": "PERMISSION_DENIED"}),
    "a page in place of data": MlflowException(NO_JSON),
    "as a login or a gateway does": json.JSONDecodeError("Expecting value", "<", 0),
    "overloaded (HTTP 429)": answered(429),
    "an error (HTTP 502)": answered(502),
    "a certificate that is not accepted": wrapped(requests.exceptions.SSLError("self-signed")),
    "redirects without end": wrapped(requests.exceptions.TooManyRedirects("30")),
    "does not answer": wrapped(requests.exceptions.ConnectionError("refused")),
    "took too long": SlowAnswerError("20 s"),
}
LASTING = {
    "too large for it or its proxy (HTTP 413)": MlflowException(TOO_LARGE),
    "needs a module that is not installed: boto3": ModuleNotFoundError("no", name="boto3"),
    "needs credentials": NoCredentialsError("Unable to locate credentials"),
    "fails: 'run'": KeyError("run"),
    "fails: 3": SystemExit(3),
}


@pytest.mark.parametrize(("cause", "error"), [*PASSING.items(), *LASTING.items()])
def test_a_fault_has_a_cause_in_words(cause, error):
    fault = fault_of(error)
    assert cause in fault.cause
    assert fault.passing == (cause in PASSING)


@pytest.fixture(scope="module")
def undisturbed(home, uri):
    return played(Story(uri, home, name="undisturbed"))


class TestDuringASearch:
    """Faults of every call, and of those for files alone."""

    @pytest.mark.parametrize("cause", ["token or password (HTTP 401)", "a page in place of data"])
    def test_a_fault_that_passes_loses_nothing(self, home, uri, undisturbed, quick, cause, capsys):
        weather = SimpleNamespace(bad=False)

        def fault(name, call):
            if weather.bad:
                raise PASSING[cause]
            return call()

        story = Story(uri, home, name=f"passes-{list(PASSING).index(cause)}")
        story.driver(fault)
        story.begin()
        steps = search_of_four(story)
        for count, happen in enumerate(steps):
            weather.bad = 2 < count < 12
            story.time.time += 11
            happen()
        assert story.tracker.close(60)
        assert plain(story) == undisturbed
        first, second = capsys.readouterr().err.splitlines()
        assert cause in first
        assert first.endswith("; its data are queued and sent later")
        assert second.endswith("answers again")

    @pytest.mark.parametrize("cause", [next(iter(LASTING)), "fails: 3"])
    def test_files_that_are_refused_keep_back_no_values(
        self, home, uri, undisturbed, quick, cause, capsys
    ):
        tried = []

        def fault(name, call):
            if name == "log_artifact":
                tried.append(name)
                raise LASTING[cause]
            return call()

        name = f"refuses-{list(LASTING).index(cause)}"
        story = Story(uri, home, name=name)
        story.driver(fault)
        story.begin()
        finish(story, search_of_four(story))
        story.begin()
        (line,) = capsys.readouterr().err.splitlines()
        assert cause in line
        assert line.endswith("; it lacks study.toml, and the search goes on")
        assert story.tracker.missing == ("study.toml", "config.toml of trials")
        assert len(tried) <= 10
        assert values(plain(story)) == values(undisturbed)
        story.driver()
        story.begin()
        story.tracker.end_search("finished")
        assert story.tracker.close(0)
        assert plain(story) == undisturbed

    def test_files_that_wait_keep_back_no_values(self, home, uri, undisturbed, quick, capsys):
        weather = SimpleNamespace(bad=True)

        def fault(name, call):
            if weather.bad and name == "log_artifact":
                raise answered(503)
            return call()

        story = Story(uri, home, name="waits-for-files")
        story.driver(fault)
        story.begin()
        steps = search_of_four(story)
        for _ in range(6):
            next(steps)()
        assert story.run(0).data.metrics["val_accuracy"] == 0.4
        assert story.run(0).data.tags["unsent"] == "config.toml"
        weather.bad = False
        for happen in steps:
            story.time.time += 11
            happen()
        assert story.tracker.close(60)
        assert plain(story) == undisturbed
        assert len(capsys.readouterr().err.splitlines()) == 2

    def test_mlflow_may_fail_before_it_knows_the_search(self, home, uri, undisturbed, quick):
        weather = SimpleNamespace(bad=True)

        def fault(name, call):
            if weather.bad:
                raise PASSING["forbids a call (HTTP 403)"]
            return call()

        story = Story(uri, home, name="latecomer")
        story.driver(fault)
        assert story.tracker.begin(story.info, []) is None
        steps = search_of_four(story)
        for _ in range(8):
            story.time.time += 1
            next(steps)()
        weather.bad = False
        for happen in steps:
            story.time.time += 11
            happen()
        assert story.tracker.close(60)
        story.info = story.tracker._info
        experiment, run = story.tracker.place
        object.__setattr__(story.info, "experiment_id", experiment)
        object.__setattr__(story.info, "run_id", run)
        assert same(plain(story)) == same(undisturbed)


def values(picture):
    """Return runs without what is said of their files."""
    found = json.loads(json.dumps(picture))
    for run in found.values():
        run["tags"].pop("unsent", None)
        run["artifacts"] = [each for each in run["artifacts"] if each.startswith("plots")]
    return found


def same(picture):
    """Return runs without the curves of the search, whose early points were never sent."""
    return {number: run for number, run in picture.items() if number != "search"}


class Answers(BaseHTTPRequestHandler):
    """A server that is no MLflow."""

    body = b"{}"
    drip = 0.0

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def other():
    """Return the address of a server that answers every call in its own way."""
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://me:s3cret@127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class TestAtTheStart:
    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b'{"status": "ok"}', "answers, but not as MLflow does"),
            (b"<html>Sign in</html>", "answers with a page in place of data"),
        ],
    )
    def test_another_service_is_refused(self, other, body, said, monkeypatch, capfd):
        monkeypatch.setattr(Answers, "body", body)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.delenv("no_proxy", raising=False)
        with process_settings(), pytest.raises(RequestError, match=said) as caught:
            open_store(other)
        assert "s3cret" not in str(caught.value)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("known", [None, "intranet", "*"])
    def test_the_process_is_left_as_it_was(self, uri, known, monkeypatch):
        monkeypatch.delenv("no_proxy", raising=False)
        if known:
            monkeypatch.setenv("no_proxy", known)
        before = dict(os.environ)
        with process_settings():
            open_store(uri).search_experiments()
            assert proxy_bypass_environment("localhost")
            assert proxy_bypass_environment("127.0.0.1")
            assert not known or proxy_bypass_environment("intranet")
        assert dict(os.environ) == before


def test_an_answer_that_never_ends_is_given_up():
    began = time.monotonic()
    with pytest.raises(SlowAnswerError):
        in_time(lambda: time.sleep(2), 0.05)
    assert time.monotonic() - began < 1
    assert in_time(lambda: 7, 5) == 7


class TestTheHomesOwnStore:
    @pytest.fixture
    def moved(self, tmp_path):
        """Return a home, and the same as it was before it was moved, with a run in its store."""
        old, home = Home(tmp_path / "old"), Home(tmp_path / "a new? place")
        old.path.mkdir()
        new_store(old.path)
        client = open_store(old.tracking)
        place = client.create_experiment("tiny", (old.artifacts / "tiny").as_uri())
        run = client.create_run(place).info.run_id
        client.log_text(run, "text", "a.txt")
        shutil.copytree(old.path, home.path)
        return SimpleNamespace(home=home, old=old, run=run, experiment=place)

    @pytest.mark.parametrize("gone", [True, False])
    def test_leads_to_its_own_artifacts_after_a_move_and_in_a_copy(self, moved, gone):
        if gone:
            shutil.rmtree(moved.old.path)
        client = open_store(moved.home.tracking)
        assert [each.path for each in client.list_artifacts(moved.run)] == ["a.txt"]
        again = client.create_run(moved.experiment).info.run_id
        for run in (moved.run, again):
            client.log_text(run, "more", "b.txt")
            assert (moved.home.artifacts / "tiny" / run / "artifacts" / "b.txt").exists()
        assert not list(moved.old.path.rglob("b.txt"))
        with closing(sqlite3.connect(moved.home.path / "mlflow.db")) as database:
            for table, column in LOCATIONS:
                (count,) = database.execute(
                    f"SELECT COUNT(*) FROM {table} WHERE {column} LIKE '%/old/%'"
                ).fetchone()
                assert count == 0

    def test_of_a_newer_mlflow_is_refused(self, moved):
        with closing(sqlite3.connect(moved.home.path / "mlflow.db")) as database:
            database.execute("UPDATE alembic_version SET version_num = 'abcdef123456'")
            database.commit()
        with pytest.raises(
            RequestError, match=r"newer than the installed one, 3.*--upgrade mlflow"
        ):
            open_store(moved.home.tracking)

    def test_of_an_older_mlflow_is_refused_if_it_is_not_the_homes(self, moved):
        with closing(sqlite3.connect(moved.home.path / "mlflow.db")) as database:
            database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
            database.commit()
        (moved.home.path / "mlflow.db").rename(moved.home.path / "other.db")
        with pytest.raises(RequestError, match=r"older than.*`mlflow db upgrade URL`"):
            open_store(f"sqlite+pysqlite:///{quote(str(moved.home.path / 'other.db'))}")

    @pytest.mark.long
    def test_of_an_older_mlflow_is_upgraded(self, tmp_path):
        """It is made by the migrations before the last two."""
        home = Home(tmp_path / "home")
        home.artifacts.mkdir(parents=True)
        engine, config = create_engine(home.tracking), _get_alembic_config(home.tracking)
        Base.metadata.create_all(engine)
        engine.dispose()
        older = list(ScriptDirectory.from_config(config).walk_revisions())[2].revision
        command.upgrade(config, older)
        with closing(sqlite3.connect(home.path / "mlflow.db")) as database:
            database.execute(
                "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage)"
                " VALUES (7, 'mine', 'file:///elsewhere/mlartifacts/mine', 'active')"
            )
            database.commit()
        client = open_store(home.tracking)
        assert client.get_experiment_by_name("mine").experiment_id == "7"
        left = sorted(path.name for path in home.path.iterdir())
        assert left == ["mlartifacts", "mlflow.db", f"mlflow.db.{older}"]


def test_a_call_that_alone_keeps_failing_is_dropped(home, uri, quick, capsys):
    def fault(name, call):
        if name == "log_artifact" and len(tried) < 99:
            tried.append(name)
            raise ConnectionResetError("reset")
        return call()

    tried: list[str] = []
    story = Story(uri, home, name="alone")
    story.driver(fault)
    story.begin()
    for happen in search_of_four(story):
        story.time.time += 30
        happen()
    for _ in range(20):
        story.time.time += 30
        story.publish(now=True)
    assert story.tracker.close(60)
    assert set(story.tracker.missing) == {"study.toml", "config.toml of trials"}
    assert len(tried) <= 6 * (MOST_TRIES + 1)
