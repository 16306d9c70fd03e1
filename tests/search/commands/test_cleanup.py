"""Deletion of a search, and of checkpoints that are no longer needed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from search import cli
from search.store.home import Home
from search.store.lock import held
from search.trials import checkpoints
from search.trials.repository import SearchTrials, search_names
from tests.search.support import database, finish, new_search, record, tree

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a home with two searches: the first trial of each is dominated, the fourth paused."""
    monkeypatch.chdir(tmp_path)
    for name in ("trip", "other"):
        trials = new_search(tmp_path, name=name)
        finish(trials, (0.5, 0.5), (0.6, 0.01), (0.9, 0.1))
        trials.pause(record(trials.ask().number, state="paused"))
        for number in range(4):
            folder = checkpoints.folder_of(Home(tmp_path).search(name), number)
            folder.mkdir(parents=True)
            (folder / "checkpoint.pt").write_bytes(bytes(2**20))
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
        other = tree(Home(home).search("other"))
        capsys.readouterr()
        code, out, err = run(capsys, "delete", "trip", "--yes", "--home", home)
        assert (code, out, err) == (0, "deleted 'trip' and its 2 runs in MLflow\n", "")
        assert search_names(database(home)) == ["other"]
        assert not Home(home).search("trip").exists()
        assert tree(Home(home).search("other")) == other
        left = {run.info.run_id for run in client.search_runs([experiment])}
        assert left == runs["other"]
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
