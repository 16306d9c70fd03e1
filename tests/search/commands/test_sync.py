"""`sync`: a search is sent to MLflow again; a real server is in tests/search/tracking."""

from __future__ import annotations

import pytest
from mlflow.tracking import MlflowClient

from search import cli
from search.store.epoch_log import EpochLog
from search.store.home import Home
from search.store.lock import held
from search.trials.readings import Reading
from search.trials.repository import SearchTrials
from tests.search.support import database, epoch, finish, new_search, record, tree
from tests.search.tracking.stories import blank_store

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a home with a search that MLflow does not know; its plots are short texts."""

    def short(folder, *_):
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / name for name in ("report.html", "pareto.png")]
        for file in files:
            file.write_text("drawn")
        return files

    monkeypatch.setattr("search.commands.sync.write_all", short)
    monkeypatch.setattr(
        "search.tracking.front.write_front", lambda folder, *_: short(folder) and None
    )
    home = Home(tmp_path / "home")
    home.path.mkdir()
    trials = new_search(home.path, budget=4)
    finish(trials, (0.6, 0.01), (0.9, 0.5))
    trials.settle(record(trials.ask().number, state="failed", epochs=1, reason="broken"))
    trials.add_reading(1, 0, Reading(0.9, 0.88, 5e9))
    log = EpochLog(home.search("trip") / "histories")
    for number in range(2):
        log.extend(number, [epoch(made, made / 10) for made in range(1, 5)])
    (home.path / "mlflow.db").write_bytes(blank_store())
    return home


def sync(home, capsys, *words):
    code = cli.main(["sync", "trip", "--home", str(home.path), *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def contents(uri, name="trip"):
    """Return all runs of a search in MLflow, without ids and times."""
    client = MlflowClient(uri, uri)
    places = [each.experiment_id for each in client.search_experiments()]
    found = {}
    for run in client.search_runs(places, f"tags.search = '{name}'"):
        ids = ("mlflow.parentRunId", "mlflow.user", "mlflow.note.content")
        number = run.data.tags.get("trial", "search")
        assert number not in found, "two runs of one trial"
        found[number] = (
            run.info.status,
            {key: text for key, text in run.data.tags.items() if key not in ids},
            run.data.params,
            run.data.metrics,
            [
                (each.step, each.value)
                for each in client.get_metric_history(run.info.run_id, "val_accuracy")
            ],
            sorted(
                each.path
                for folder in ("", "plots")
                for each in client.list_artifacts(run.info.run_id, folder)
            ),
        )
    return found


def test_sends_everything_again_and_again_changes_nothing(home, capsys):
    code, out, err = sync(home, capsys)
    assert (code, err) == (0, "")
    assert out == f"MLflow at {home.tracking} has 'trip': 3 trials, 9 epochs\n"
    sent = contents(home.tracking)
    assert {number: run[0] for number, run in sent.items()} == {
        "search": "FINISHED",
        "0": "FINISHED",
        "1": "FINISHED",
        "2": "FAILED",
    }
    assert sent["1"][3]["test_accuracy"] == 0.88
    assert sent["1"][4] == [(step, step / 10) for step in range(1, 5)]
    assert sent["1"][5] == ["config.toml"]
    assert sent["search"][5] == ["plots", "plots/pareto.png", "plots/report.html", "study.toml"]
    known = SearchTrials.load(home.storage, "trip")
    assert sync(home, capsys) == (0, out, "")
    assert contents(home.tracking) == sent
    again = SearchTrials.load(home.storage, "trip")
    assert (again.info, again.records()) == (known.info, known.records())


def test_restores_what_a_user_deleted_and_what_is_gone_for_good(home, capsys):
    sync(home, capsys)
    sent, client = contents(home.tracking), MlflowClient(home.tracking, home.tracking)
    info = SearchTrials.load(home.storage, "trip").info
    for run in client.search_runs([info.experiment_id]):
        client.delete_run(run.info.run_id)
    client.delete_experiment(info.experiment_id)
    assert contents(home.tracking) == {}
    assert sync(home, capsys)[0] == 0
    assert contents(home.tracking) == sent
    (home.path / "mlflow.db").write_bytes(blank_store())
    assert sync(home, capsys)[0] == 0
    assert contents(home.tracking) == sent


def test_to_another_store_makes_that_the_search_s_own(home, capsys, tmp_path):
    (tmp_path / "other.db").write_bytes(blank_store())
    sync(home, capsys)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert sync(home, capsys, "--tracking-uri", other)[0] == 0
    assert contents(other) == contents(home.tracking)
    trials = SearchTrials.load(home.storage, "trip")
    assert trials.info.tracking_uri == other
    runs = {run.info.run_id for run in MlflowClient(other, other).search_runs(["1"])}
    assert {each.run_id for each in trials.records()} < runs


def test_is_refused_while_the_search_runs_and_if_mlflow_is_not_there(home, capsys):
    before = tree(home.path)
    with held(database(home.path), "trip", home.search("trip")):
        code, _, err = sync(home, capsys)
    assert (code, err) == (2, "swast-search: search 'trip' is being run by another process\n")
    code, _, err = sync(home, capsys, "--tracking-uri", "http://127.0.0.1:9")
    assert code == 2
    assert err == (
        "swast-search: the MLflow store http://127.0.0.1:9 cannot be used: it does not answer\n"
    )
    after = tree(home.path)
    assert {path: after[path] for path in before if "lock" not in path} == {
        path: before[path] for path in before if "lock" not in path
    }
