"""Launch of a search in this process: what it leaves in MLflow."""

from __future__ import annotations

import errno

import pytest
from mlflow.tracking import MlflowClient

from search import plots
from search.driver import launch, prepare
from search.driver.request import Request
from search.plots import REPORT
from search.store.home import Home
from search.tracking.run_sync import RunSync
from tests.search.here import Here
from tests.search.support import TINY, blank_database
from tests.search.tracking.stories import new_store

# MLflow's own
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


def test_a_search_waits_at_its_end_until_mlflow_has_everything(tmp_path, monkeypatch, capsys):
    """The report is the last file, and its first upload fails as on a full disk.

    A short text stands in for it and for the plots, which take seconds to draw.
    """
    home, uploaded = Home(tmp_path / "home"), []
    home.path.mkdir()
    new_store(home.path)
    (home.path / "optuna.db").write_bytes(blank_database())
    (tmp_path / "tiny.toml").write_text(TINY)
    study = str(tmp_path / "tiny.toml")
    request = Request(study=study, name="trip", budget=2, gpus=0, home=home.path, quiet=True)
    upload = RunSync.upload

    def failing_once(run, path, folder):
        uploaded.append(path.name)
        if uploaded.count(REPORT) == 1 and path.name == REPORT:
            raise OSError(errno.ENOSPC, "No space left on device")
        upload(run, path, folder)

    def short_report(folder, *_):
        (folder / REPORT).write_text("report", encoding="utf-8")
        return [folder / REPORT]

    monkeypatch.setattr(RunSync, "upload", failing_once)
    monkeypatch.setattr(plots, "write_all", short_report)
    info = prepare.choose_search(request, home, 0)
    workers = Here(info.study.fixed)
    unit = launch.unit_of(info.study, workers.data)
    trials = launch.open_trials(request, home, launch.replace(info, unit=unit))
    result = launch.search(request, home, trials, workers)
    assert result.end == "finished"
    assert uploaded.count(REPORT) == 2
    artifacts = MlflowClient(home.tracking).list_artifacts(trials.info.run_id, "plots")
    assert f"plots/{REPORT}" in [each.path for each in artifacts]
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("does not answer; its data are queued and sent later")
    assert second.endswith("answers again")
