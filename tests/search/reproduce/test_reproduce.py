"""Studies of the paper through the command: refused, trained, resumed, logged to MLflow.

One worker in this process stands in for Ray's; tests/e2e has those.
"""

from __future__ import annotations

import json

import pytest
import ray
from mlflow.tracking import MlflowClient

from search.cli import main
from search.engine.jobs import Failure, FailureKind
from search.engine.worker import Worker, work_here
from search.reproduce import trainer as reproduction
from search.reproduce.cells import CellWork, Progress
from search.reproduce.command import alone, commit
from search.reproduce.tracking import StudyRuns
from studies.outcomes import Cell
from studies.paper import STUDIES
from studies.results import Results
from swast.data import load_data
from tests.search.support import tree
from tests.search.tracking.stories import FakeClock, Faulty, new_store
from tests.studies.support import quick, run_one

# MLflow's own
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

CELLS = [Cell(quick(seed=seed, epochs=3)) for seed in (0, 1, 2)]


class Story:
    """A reproduction of a study in a folder, by one worker."""

    def __init__(self, folder, uri):
        self.folder, self.uri = folder, uri
        self.results = Results(folder / "runs.jsonl")
        self.said, self.time = [], FakeClock()
        self.runs = StudyRuns(uri, folder, self.said.append, self.time.clock)
        self.runs.begin("figure-x", str(folder), {"scale": "small"})
        self.worker = Worker(load_data("digits"), warmups=None)

    def work(self, cells=CELLS):
        progress = Progress(quiet=True)
        missing = [cell for cell in cells if self.results.get(cell) is None]
        progress.begin(len(missing), len(cells) - len(missing))
        return CellWork(
            missing,
            load_data("digits"),
            results=self.results,
            runs=self.runs,
            folder=self.folder / "checkpoints",
            progress=progress,
        )

    def train(self, cells=CELLS):
        work = self.work(cells)
        work_here(work, self.worker)
        return work

    def told(self):
        """Return the run of the study and the runs of its trainings, from MLflow."""
        client = MlflowClient(self.uri, self.uri)
        place = client.get_experiment_by_name("reproduce figure-x").experiment_id
        runs = client.search_runs([place])
        mine = [run for run in runs if run.data.tags.get("reproduction") == str(self.folder)]
        (parent,) = mine
        return parent, [
            run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
        ]


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return new_store(tmp_path_factory.mktemp("home"))


@pytest.fixture
def story(tmp_path, uri):
    return Story(tmp_path, uri)


class TestTraining:
    def test_it_comes_to_what_a_plain_training_comes_to(self, story):
        story.train()
        for cell in CELLS:
            found, plain = story.results.get(cell), run_one(cell.config)
            assert found.test_accuracy == plain.test_accuracy
            assert found.flops == plain.flops
            assert found.rounds == plain.rounds
            assert [e.val_loss for e in found.history] == [e.val_loss for e in plain.history]
        assert not list((story.folder / "checkpoints").iterdir())

    def test_every_training_is_a_run_with_its_curves(self, story):
        story.train()
        (story.folder / "figure-x.json").write_text("{}")
        assert story.runs.finish("finished", [story.folder / "figure-x.json"], "so it is")
        parent, children = story.told()
        assert parent.info.status == "FINISHED"
        assert parent.data.tags["mlflow.note.content"] == "so it is"
        assert {run.data.tags["trial"] for run in children} == {cell.key for cell in CELLS}
        for run in children:
            (cell,) = [each for each in CELLS if each.key == run.data.tags["trial"]]
            outcome = story.results.get(cell)
            assert run.info.status == "FINISHED"
            assert run.data.params["seed"] == str(cell.config.seed)
            assert run.data.metrics["test_accuracy"] == outcome.test_accuracy
            client = MlflowClient(story.uri, story.uri)
            curve = client.get_metric_history(run.info.run_id, "val_loss")
            assert [each.value for each in curve] == [e.val_loss for e in outcome.history]

    def test_one_that_diverges_counts_as_guessing(self, story):
        cell = Cell(quick(**{"optim.lr": 1e6}))
        assert not story.train([cell]).failed
        outcome = story.results.get(cell)
        assert outcome.diverged
        assert outcome.test_accuracy == pytest.approx(0.1)

    def test_one_that_fails_is_tried_again_once(self, story):
        work = story.work(CELLS[:1])
        for last in (False, True):
            job = work.propose()
            work.on_end(job.number, Failure(FailureKind.WORKER_LOST, "its worker process died"))
            assert work.over is last
        assert work.failed == {CELLS[0]: "its worker process died"}
        assert story.results.get(CELLS[0]) is None

    def test_one_that_the_trainer_refuses_is_not_tried_again(self, story):
        work = story.work(CELLS[:1])
        job = work.propose()
        work.on_end(job.number, Failure(FailureKind.REFUSED, "ConfigError: too small"))
        assert work.over
        assert work.failed == {CELLS[0]: "ConfigError: too small"}


class TestGoingOn:
    def test_what_is_known_is_not_trained_again_and_a_line_cut_short_is(self, tmp_path, uri):
        first = Story(tmp_path, uri)
        first.train()
        path = tmp_path / "runs.jsonl"
        kept = path.read_bytes()
        path.write_bytes(kept[:-30])
        again = Story(tmp_path, uri)
        assert [again.results.get(cell) is None for cell in CELLS] == [False, False, True]
        again.train()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line["config"]["seed"] for line in lines] == [0, 1, 2]
        assert again.results.get(CELLS[2]).history[-1].val_loss == (
            first.results.get(CELLS[2]).history[-1].val_loss
        )
        again.runs.finish("finished")
        _, children = again.told()
        assert len(children) == len(CELLS)

    def test_an_interrupted_training_goes_on_from_its_checkpoint(self, story):
        work = story.work(CELLS[:1])
        job = work.propose()
        story.worker.start(job)
        assert work.on_report(job.number, story.worker.step())
        work.pause()
        assert not work.on_report(job.number, story.worker.step())
        story.worker.leave()
        work.on_end(job.number, None)
        assert work.over
        assert story.results.get(CELLS[0]) is None
        assert (story.folder / "checkpoints" / CELLS[0].key).is_dir()
        story.train(CELLS[:1])
        found = story.results.get(CELLS[0])
        assert found.test_accuracy == run_one(CELLS[0].config).test_accuracy
        assert [each.epoch for each in found.history] == [1, 2, 3]

    def test_what_mlflow_missed_it_is_told(self, tmp_path, uri):
        """So it is after a driver was killed, or in another home."""
        Story(tmp_path, uri).train()
        again = Story(tmp_path / "other", uri)
        outcome = Results(tmp_path / "runs.jsonl").get(CELLS[0])
        assert not again.runs.has(CELLS[0])
        again.runs.end(CELLS[0], outcome)
        again.runs.finish("finished")
        assert Story(tmp_path / "other", uri).runs.has(CELLS[0])

    def test_what_it_was_away_for_is_sent_when_it_is_back(self, story):
        """Every call to MLflow fails until the trainings are over."""
        away = [True]

        def fault(name, call):
            if away[0]:
                raise ConnectionError(name)
            return call()

        story.runs._client = Faulty(story.runs._client, fault)
        for cell in CELLS[:2]:
            story.train([cell])
            story.time.time += 60
        away[0] = False
        assert story.runs.finish("finished")
        assert [line.partition("mlflow.db ")[2] for line in story.said] == [
            "does not answer; its data are queued and sent later",
            "answers again",
        ]
        _, children = story.told()
        assert {run.info.status for run in children} == {"FINISHED"}
        assert len(children) == 2

    def test_two_do_not_write_into_one_folder(self, tmp_path):
        told = pytest.raises(ValueError, match="another process is at work")
        with alone(tmp_path), told, alone(tmp_path):
            pass


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run a command that must be refused without writing anything; return its one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWAST_HOME", raising=False)

    def run(*words):
        assert main(["reproduce", *words]) == 2
        written = capsys.readouterr()
        (line,) = written.err.splitlines()
        assert (written.out, tree(tmp_path)) == ("", {})
        return line

    return run


class TestRefused:
    def test_without_a_name_all_names_are_told(self, refused):
        line = refused()
        assert all(name in line for name in STUDIES)

    def test_a_wrong_name_brings_the_nearest(self, refused):
        assert "no figure or table 'figur-1'; did you mean 'figure-1'?" in refused("figur-1")
        assert "there are figure-1" in refused("nothing")

    def test_missing_data_are_told_before_anything_is_made(self, refused):
        line = refused("table-trim", "--scale", "paper", "--gpus", "0")
        assert "data 'cifar10': looked at" in line

    def test_more_gpus_than_there_are(self, refused):
        assert "--gpus 99" in refused("figure-2", "--gpus", "99")


def test_what_is_known_is_drawn_anew_without_ray(tmp_path, monkeypatch, capsys):
    """The outcome of figure 2's one training is in its file."""
    new_store(tmp_path)
    study = STUDIES["figure-2"]
    (cell,) = study.cells(study.setting("small"))
    out = tmp_path / "out"
    outcome = run_one(cell.config)
    Results(out / "runs.jsonl").add(cell, outcome)
    monkeypatch.setattr(ray, "init", None)
    monkeypatch.setenv("SWAST_HOME", str(tmp_path))
    assert main(["reproduce", "figure-2", "--out", str(out)]) == 0
    written = capsys.readouterr()
    assert "trainings: 1, of which known: 1" in written.err
    assert written.out == f"{out / 'figure-2.html'}\n"
    report = json.loads((out / "figure-2.json").read_text())
    assert report["arms"]["SWaST cut"]["accuracy"] == outcome.test_accuracy


def test_a_study_without_trainings_needs_no_ray(tmp_path, monkeypatch, capsys):
    """It is figure 1, whole except for its seeds."""
    new_store(tmp_path)
    out = tmp_path / "out"
    words = ["figure-1", "--seeds", "1", "--home", str(tmp_path), "--out", str(out)]
    assert main(["reproduce", *words, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert {path.suffix for path in out.glob("figure-1.*")} == {".json", ".png", ".html", ".md"}
    report = json.loads((out / "figure-1.json").read_text())
    assert report["made"]["command"] == ("swast-search reproduce figure-1 --scale small --seeds 1")
    assert report["made"]["commit"] == commit()
    assert {each["verdict"] for each in report["claims"]} == {"not decided"}
    assert not (out / reproduction.CHECKPOINTS).exists()


class TestProgress:
    def test_the_time_left_follows_from_the_pace_after_the_first(self, capsys):
        """Workers take 20 s to start; then a training takes 40 s."""
        times = iter([0, 20, 60, 100])
        progress = Progress(quiet=False, clock=lambda: next(times))
        progress.begin(6, 4)
        for _ in range(3):
            progress.step()
        told = [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]
        assert told == [
            "trainings: 10, of which known: 4",
            "2/6; about 3 minutes left",
            "3/6; about 2 minutes left",
        ]
