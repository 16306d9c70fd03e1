"""Deletion of a search, and of checkpoints that are no longer needed."""

from __future__ import annotations

import shutil
from contextlib import suppress

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from search import cli
from search.errors import RequestError
from search.store.home import Home
from search.store.lock import held
from search.trials import checkpoints
from search.trials.repository import SearchTrials
from search.trials.stored_searches import search_names
from tests.search.mortal import mortal, protect
from tests.search.support import database, finish, new_search, record, tree

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a home with two searches: the first trial of each is dominated, the fourth paused."""
    place = tmp_path_factory.mktemp("made")
    for name in ("trip", "other"):
        trials = new_search(place, name=name)
        finish(trials, (0.5, 0.5), (0.6, 0.01), (0.9, 0.1))
        trials.pause(record(trials.ask().number, state="paused"))
        for number in range(4):
            folder = checkpoints.folder_of(Home(place).search(name), number)
            folder.mkdir(parents=True)
            (folder / "checkpoint.pt").write_bytes(bytes(2**20))
    return place


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    """Return a copy of that home."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def run(capsys, *words):
    code = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def kept(home, name):
    return sorted(path.name for path in (Home(home).search(name) / "checkpoints").iterdir())


class TestCollecting:
    def test_keeps_what_the_front_and_paused_trials_need(self, home, capsys):
        assert run(capsys, "gc", "--home", home) == (0, "freed 2.0 MiB\n", "")
        assert kept(home, "trip") == kept(home, "other") == ["1", "2", "3"]
        assert run(capsys, "gc", "--home", home) == (0, "freed 0.0 MiB\n", "")

    def test_may_be_of_one_search(self, home, capsys):
        assert run(capsys, "gc", "other", "--home", home)[1] == "freed 1.0 MiB\n"
        assert kept(home, "trip") == ["0", "1", "2", "3"]

    def test_leaves_a_search_alone_that_is_being_run(self, home, capsys):
        with held(database(home), "trip", Home(home).search("trip")):
            assert run(capsys, "gc", "--home", home)[1] == "freed 1.0 MiB\n"
        assert kept(home, "trip") == ["0", "1", "2", "3"]

    def test_removes_shared_warm_ups_where_no_search_is_being_run(self, home, capsys):
        state = Home(home).warmups / "f" / "1" / "checkpoint.pt"
        state.parent.mkdir(parents=True)
        state.write_bytes(bytes(2**20))
        run(capsys, "gc", "other", "--home", home)
        with held(database(home), "trip", Home(home).search("trip")):
            run(capsys, "gc", "--home", home)
        assert state.exists()
        assert run(capsys, "gc", "--home", home)[1] == "freed 2.0 MiB\n"
        assert not Home(home).warmups.exists()


class TestDeleting:
    def test_removes_a_search_everywhere_and_nothing_else(self, home, capsys):
        client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
        experiment = client.create_experiment("tiny")
        runs = {}
        for name in ("trip", "other"):
            parent = client.create_run(experiment).info.run_id
            child = client.create_run(experiment, tags={"mlflow.parentRunId": parent})
            runs[name] = {parent, child.info.run_id}
            trials = SearchTrials.load(database(home), name)
            trials.remember(experiment_id=experiment, run_id=parent)
            for owner in ("trip", "other"):
                with suppress(MlflowException):
                    client.create_registered_model(owner)
                client.create_model_version(owner, str(home), run_id=child.info.run_id)
        parent = SearchTrials.load(database(home), "trip").info.run_id
        tags = {"mlflow.parentRunId": parent, "mlflow.source.name": "notebook.py"}
        theirs = client.create_run(experiment, tags=tags).info.run_id
        other = tree(Home(home).search("other"))
        capsys.readouterr()
        code, out, err = run(capsys, "delete", "trip", "--yes", "--home", home)
        assert (code, out, err) == (0, "deleted 'trip' and its 2 runs in MLflow\n", "")
        assert search_names(database(home)) == ["other"]
        assert not Home(home).search("trip").exists()
        assert tree(Home(home).search("other")) == other
        left = {run.info.run_id for run in client.search_runs([experiment])}
        assert left == runs["other"] | {theirs}, "which others put below the search's run"
        models = {each.name for each in client.search_registered_models()}
        assert models == {"trip", "other"}, "one of each is from the other search's run"
        for name in models:
            for version in client.search_model_versions(f"name = '{name}'"):
                assert name == "other" or version.run_id in runs["other"]
        code, _, err = run(capsys, "delete", "trip", "--yes", "--home", home)
        assert code == 2
        assert "no search named 'trip'; there are other" in err

    def test_of_a_search_that_mlflow_does_not_know_is_no_error(self, home, capsys):
        assert run(capsys, "delete", "trip", "--yes", "--home", home)[0] == 0
        assert search_names(database(home)) == ["other"]

    def test_asks_first(self, home, capsys, monkeypatch):
        before = tree(home)
        code, _, err = run(capsys, "delete", "trip", "--home", home)
        assert (code, err) == (2, "swast-search: --yes is needed without a terminal to ask on\n")
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda question: "n")
        assert run(capsys, "delete", "trip", "--home", home)[0] == 2
        after = tree(home)
        assert {path: after[path] for path in before} == before
        monkeypatch.setattr("builtins.input", lambda question: "y")
        assert run(capsys, "delete", "trip", "--home", home)[0] == 0

    def test_of_a_search_that_is_being_run_is_refused(self, home, capsys):
        with held(database(home), "trip", Home(home).search("trip")):
            code, _, err = run(capsys, "delete", "trip", "--yes", "--home", home)
        assert (code, err) == (2, "swast-search: search 'trip' is being run by another process\n")
        assert search_names(database(home)) == ["trip", "other"]


class TestAReadOnlyHome:
    @pytest.fixture
    def theirs(self, home):
        """Return a home that belongs to a colleague."""
        protect(home)
        with mortal():
            yield home
        protect(home, writable=True)

    @pytest.mark.parametrize("words", [("gc",), ("gc", "trip"), ("delete", "trip", "--yes")])
    def test_is_left_as_it_is(self, theirs, capsys, words):
        before = tree(theirs)
        code, out, err = run(capsys, *words, "--home", theirs)
        assert (code, out) == (2, "")
        assert err == f"swast-search: {theirs} cannot be written to; nothing was removed\n"
        assert tree(theirs) == before

    def test_can_be_read(self, theirs, capsys, tmp_path_factory):
        out = tmp_path_factory.mktemp("out")
        for words in (
            ["list"],
            ["show", "trip"],
            ["report", "trip", "--out", out],
            ["export", "trip", "--out", out],
        ):
            assert run(capsys, *words, "--home", theirs)[::2] == (0, ""), words

    def test_in_part_tells_what_is_left(self, home, capsys):
        kept_there = checkpoints.folder_of(Home(home).search("trip"), 0)
        protect(kept_there)
        with mortal():
            code, out, err = run(capsys, "gc", "--home", home)
            assert (code, out) == (1, "freed 1.0 MiB\n")
            path = kept_there / "checkpoint.pt"
            assert err == f"swast-search: {path} cannot be removed: Permission denied\n"
            code, out, err = run(capsys, "delete", "trip", "--yes", "--home", home)
            assert (code, out) == (1, "")
            assert search_names(database(home)) == ["trip", "other"]
        protect(kept_there, writable=True)
        assert run(capsys, "delete", "trip", "--yes", "--home", home)[0] == 0, "completes"

    def test_with_a_database_elsewhere_that_is_read_only_loses_no_files(self, home, capsys):
        files = tree(Home(home).search("trip"))
        shared = home / "shared"
        shared.mkdir()
        (home / "optuna.db").rename(shared / "optuna.db")
        protect(shared)
        place = ("--home", home, "--storage", database(shared))
        with mortal():
            code, _, err = run(capsys, "delete", "trip", "--yes", *place)
        protect(shared, writable=True)
        assert code == 2
        assert "cannot be changed: its folder cannot be written to" in err
        assert tree(Home(home).search("trip")) == files


@pytest.mark.parametrize("link", ["searches/trip", "searches/trip/checkpoints", "cache/warmups"])
def test_neither_command_follows_a_link_out_of_the_home(home, capsys, tmp_path_factory, link):
    theirs = tmp_path_factory.mktemp("theirs") / "folder"
    path = home / link
    if path.exists():
        path.rename(theirs)
    theirs.mkdir(exist_ok=True)
    (theirs / "0").mkdir(exist_ok=True)
    (theirs / "0" / "file").write_bytes(bytes(2**20))
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(theirs)
    before = tree(theirs)
    run(capsys, "gc", "--home", home)
    assert run(capsys, "delete", "trip", "--yes", "--home", home)[0] == 0
    assert tree(theirs) == before
    assert not path.is_symlink()


def test_a_lock_that_is_a_link_is_not_written_to(home, tmp_path_factory):
    theirs = tmp_path_factory.mktemp("theirs") / "file"
    theirs.write_text("theirs")
    folder = Home(home).search("trip")
    (folder / "lock").symlink_to(theirs)
    with pytest.raises(RequestError, match="cannot be written to"):
        held(database(home), "trip", folder).__enter__()
    assert theirs.read_text() == "theirs"
