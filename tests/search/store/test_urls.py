"""URLs of stores: files of any name, wrong forms with the right one, and secrets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from search.errors import RequestError
from search.store.home import Home, check_tracking
from search.store.urls import check_store, scrubbed, shown, sqlite_file, sqlite_url
from search.tracking.client import open_store
from search.trials.repository import SearchTrials
from search.trials.stored_searches import search_names
from tests.search.support import blank_database, search_info, tree
from tests.search.tracking.stories import blank_store

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own
NAMES = [
    "which lr?",
    "run #3",
    "100%41",
    "a&b+c=d",
    'it\'s "x"',
    "a:b@c;d",
    "größe",
    "a\nb",
    "{x}",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_have_any_name(tmp_path, name):
    path = tmp_path / name / "x.db"
    path.parent.mkdir()
    assert sqlite_file(sqlite_url(path)) == path
    engine = create_engine(sqlite_url(path))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (value)")
    engine.dispose()
    check_store("the store", sqlite_url(path), new=False)
    assert list(tree(tmp_path)) == [name, f"{name}/x.db"]


def test_a_home_of_any_name_holds_all_that_belongs_to_it(tmp_path, monkeypatch):
    home = Home(tmp_path / " ".join(NAMES))
    home.path.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (home.path / "optuna.db").write_bytes(blank_database())
    (home.path / "mlflow.db").write_bytes(blank_store())
    SearchTrials.create(home.storage, search_info())
    assert search_names(home.storage) == ["trip"]
    client = open_store(home.tracking)
    place = client.create_experiment("tiny", (home.artifacts / "tiny").as_uri())
    run = client.create_run(place).info.run_id
    client.log_text(run, "text", "a.txt")
    assert [each.path for each in client.list_artifacts(run)] == ["a.txt"]
    assert (home.artifacts / "tiny" / run / "artifacts" / "a.txt").read_text() == "text"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([home.path.name, "here"])
    assert not any((tmp_path / "here").iterdir())


class TestAHome:
    @pytest.mark.parametrize("length", [400, 3000, 90_000])
    def test_whose_path_is_too_long_is_refused(self, length):
        with pytest.raises(RequestError, match=r"--home /tmp/xx.*…: its path has \d+ bytes"):
            Home(Path("/tmp", *["x" * 99] * (length // 80))).check_writable()

    def test_whose_path_is_no_text_is_refused(self):
        with pytest.raises(RequestError, match="is not UTF-8"):
            Home(Path("/tmp/\udcff")).check_writable()


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("postgres://me:pass@host/db", "write postgresql+psycopg://"),
        ("postgresql://me:pass@host/db", "psycopg2: write postgresql+psycopg://"),
        ("mysql://me:pass@host/db", "pip install pymysql, and write mysql+pymysql://"),
        ("redis://host", "it must be a URL as sqlite:///FILE or postgresql+psycopg://"),
        ("s3://bucket/runs", "it must be a URL as"),
        ("journal.log", "it must be a URL as"),
        ("./mlruns", "it must be a URL as"),
        ("file:///tmp/mlruns", "it must be a URL as"),
        ("databricks", "or http://host:5000"),
        ("", "it must be a URL as"),
        ("HTTP://host:5000", "lower case: http://"),
        ("PostgreSQL+psycopg://host/db", "lower case: postgresql+psycopg://"),
        ("http://", "it names no host"),
        ("http:///path", "it names no host"),
        ("http://host:port", "its port must be a number from 1 to 65535, got 'host:port'"),
        ("http://host:70000", "its port must be"),
        ("http://[::1", "its port must be"),
        ("postgresql+psycopg://host:70000/db", "its port must be"),
        ("http://me:p@ss@host:5000", "as %40 for @"),
        ("http://me:p/ss@host:5000", "as %40 for @"),
        ("postgresql+psycopg://me:p@ss@host/db", "as %40 for @"),
        ("postgresql+psycopg://me:p?ss@host/db", "as %40 for @"),
        ("sqlite://", "write sqlite:///FILE"),
    ],
)
def test_a_wrong_form_is_refused_with_the_right_one(url, right, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError) as caught:
        check_tracking(url, Home(tmp_path / "home"), new=True)
    assert right in str(caught.value)
    assert "ss@" not in str(caught.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///relative.db",
        "postgresql+psycopg://me:p%40ss@host:5432/db",
        "postgresql+psycopg:///db?host=/run/postgresql",
        "http://[::1]:5000",
        "https://me:pass@host/prefix/",
    ],
)
def test_a_right_form_is_taken(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_store("the store", url, new=True, web=True)


def test_a_server_is_no_search_database():
    with pytest.raises(RequestError, match="it must be a URL as sqlite:///FILE"):
        check_store("the search database", "http://host:5000", new=True)


def test_a_truncated_store_is_refused_with_what_makes_it_again(tmp_path):
    home = Home(tmp_path)
    (tmp_path / "mlflow.db").write_bytes(blank_store()[:50_000])
    with pytest.raises(RequestError, match=r"malformed.*; move it away, and `swast-search sync"):
        check_tracking(home.tracking, home, new=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:s3cret@host:5000",
        "http://me:s3%63ret@host:5000",
        "postgresql+psycopg://host/db?user=me&password=s3cret",
        "https://host?access_token=s3cret",
    ],
)
def test_secrets_are_in_no_message(url, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    assert "s3cret" not in shown(url)
    assert "s3%63ret" not in shown(url)
    text = scrubbed(f"API request to {url}/api failed\nwith Bearer t0ken, s3cret", url)
    assert "t0ken" not in text
    assert "s3cret" not in text.replace("s3%63ret", "s3cret")
    assert "\n" not in text


def test_a_copy_of_a_home_is_another_home(tmp_path):
    """Also if the path of the first is the beginning of the other's."""
    home, copy = Home(tmp_path / "home"), Home(tmp_path / "home2")
    home.path.mkdir()
    shutil.copytree(home.path, copy.path)
    assert home.owns(home.tracking)
    assert not home.owns(copy.tracking)
    assert not home.owns("http://host:5000")
