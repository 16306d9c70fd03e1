"""A home of version 0.1.0: read, exported from, verified, and resumed by this version.

Its search ended nine trials and was killed while it wrote to its database during the tenth.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from search import cli
from swast.config import read_config
from tests.e2e.support import (
    MLFLOW_STATUS,
    OPTUNA_STATE,
    Place,
    only,
    tagged,
    undominated,
)

ARCHIVE = Path(__file__).parents[1] / "data" / "home-0.1.0.tar.xz"
OLD_PLACE = "/tmp/oldhome"
"""Folder in which the home was made; MLflow's database has the paths of artifacts."""
ENDED, KILLED = range(9), 9
"""Trials that had ended, and the one that was running."""
SHORT, DENSE = 0, 1
"""References; the short one makes 2 of the 4 epochs of ``[fixed]``."""
FRONT = [4, 8, 2, SHORT, DENSE]
"""The front in the unit of the study; version 0.1.0 divided each cost by its own dense cost."""


def unpack(folder):
    """Unpack the home and the exported file, and move the artifacts of MLflow there."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    assert (folder / "home" / "optuna.db-journal").stat().st_size
    with contextlib.closing(sqlite3.connect(folder / "home" / "mlflow.db")) as database, database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (OLD_PLACE, str(folder))
            )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of an unpacked home that is only read."""
    folder = tmp_path_factory.mktemp("old")
    unpack(folder)
    return folder


@pytest.fixture
def command(folder, capsys, monkeypatch):
    """Run a command in this process, and return its output."""
    monkeypatch.chdir(folder)

    def run(*words):
        assert cli.main([*words, "--home", "home"]) == 0
        written = capsys.readouterr()
        assert written.err == ""
        return written.out

    return run


class TestReading:
    def test_lists_the_search(self, command):
        (row,) = json.loads(command("list", "--json"))
        assert (row["name"], row["study"], row["budget"]) == ("before", "before", 12)
        assert (row["complete"], row["front"]) == (8, len(FRONT))

    def test_shows_every_trial_in_one_unit(self, command):
        summary = json.loads(command("show", "before", "--json"))
        trials = summary["trials"]
        assert [trial["number"] for trial in trials] == [*ENDED, KILLED]
        assert [trial["state"] for trial in trials] == [
            *(5 * ["complete"]),
            "pruned",
            *(3 * ["complete"]),
            "running",
        ]
        unit = trials[DENSE]["train_flops"]
        assert summary["cost_unit"]["train_flops"] == unit
        done = [trial for trial in trials if trial["state"] == "complete"]
        for trial in done:
            assert trial["relative_flops"] == trial["train_flops"] / unit
            assert set(trial["params"]) >= {"epochs", "coreset.fraction"}
            assert trial["environment"]["swast"] == "0.1.0"
        assert trials[SHORT]["relative_flops"] == 0.5
        assert trials[5]["stopped_at"] == 1
        assert {trial["number"] for trial in done if trial["readings"]} == {1, 2, 4, 7}

    def test_shows_the_front_of_absolute_costs(self, command):
        """The short reference costs half of the dense one, and no trial dominates it."""
        summary = json.loads(command("show", "before", "--json"))
        assert summary["front"] == FRONT
        done = [trial for trial in summary["trials"] if trial["state"] == "complete"]
        assert undominated(done) == set(FRONT)
        assert "#0 short" in command("show", "before")

    def test_writes_the_report(self, command, folder):
        command("report", "before", "--out", "report.html")
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert "<h1>before</h1>" in page
        assert "#0 short" in page

    def test_exports_the_best_trial_as_version_0_1_0_did(self, command, folder):
        """The exported configuration is the same, and so are the recorded results."""
        old = read_config(folder / "best.toml")
        written = command("export", "before", "--pick", "best", "--out", "again")
        assert written == "again/best.toml\n"
        assert read_config(folder / "again" / "best.toml") == old
        both = [path.read_text() for path in (folder / "best.toml", folder / "again/best.toml")]
        for name in ("trial", "val_accuracy", "train_flops", "relative_flops", "config_digest"):
            first, second = (
                [line for line in text.splitlines() if line.startswith(f"{name} = ")]
                for text in both
            )
            assert first == second
            assert len(first) == 1

    def test_verifies_a_file_that_version_0_1_0_exported(self, command):
        out = command("verify", "best.toml")
        assert "trial 1 of before" in out
        assert "  holds: " in out


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """A place where the search was resumed, its trials before, and what the command wrote."""
    place = Place(tmp_path_factory.mktemp("resumed"))
    unpack(place.folder)
    before = place.trials("before")
    resume = ("swast-search", "--resume", "before", "--home", "home", "--gpus", "0")
    done = place.run(*resume, "--json", "summary.json", "--quiet", here=True)
    yield place, before, done
    place.close()


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own
class TestResuming:
    def test_runs_the_budget_and_leaves_nothing_running(self, resumed):
        place, _, done = resumed
        assert (done.code, done.out, done.err) == (0, "", "")
        trials = place.trials("before")
        assert [trial.number for trial in trials] == list(range(12))
        assert all(trial.state.is_finished() for trial in trials)

    def test_repeats_no_trial_that_had_ended(self, resumed):
        place, before, _ = resumed
        after = place.trials("before")
        for number in ENDED:
            assert after[number] == before[number]
        configs = [trial.user_attrs["config"] for trial in after]
        assert all(configs.count(config) == 1 for config in configs)

    def test_runs_the_trial_that_was_killed(self, resumed):
        place, before, _ = resumed
        assert before[KILLED].state.name == "RUNNING"
        after = place.trials("before")[KILLED]
        assert after.user_attrs["config"] == before[KILLED].user_attrs["config"]
        assert "outcome" in after.user_attrs

    def test_stores_the_unit_and_finds_the_front_in_it(self, resumed):
        place, _, _ = resumed
        summary = json.loads((place.folder / "summary.json").read_text())
        unit = summary["trials"][DENSE]["train_flops"]
        assert place.study("before").user_attrs["unit"] == unit
        done = [trial for trial in summary["trials"] if trial["state"] == "complete"]
        assert set(summary["front"]) == undominated(done)
        assert all(trial["relative_flops"] == trial["train_flops"] / unit for trial in done)
        read = {trial["number"] for trial in done if trial["readings"]}
        assert read >= set(summary["front"])

    def test_brings_mlflow_up_to_date(self, resumed):
        place, _, _ = resumed
        summary = json.loads((place.folder / "summary.json").read_text())
        runs, (parent, _) = place.children("before"), place.parent("before")
        assert (parent.info.status, len(runs)) == ("FINISHED", 12)
        assert tagged(runs) == set(summary["front"])
        for trial, frozen in zip(summary["trials"], place.trials("before"), strict=True):
            run = only(runs, trial["number"])
            assert run.info.status == MLFLOW_STATUS[trial["state"]]
            assert frozen.state.name == OPTUNA_STATE[trial["state"]]
            if trial["state"] == "complete":
                assert run.data.metrics["relative_flops"] == trial["relative_flops"]
