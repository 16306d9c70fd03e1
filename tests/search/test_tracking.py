"""A search in a real MLflow store, looked at with MLflow's own client."""

from __future__ import annotations

import csv
import io
import math
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow.tracking import MlflowClient

from search.errors import RequestError
from search.records import front_of, hypervolume_of
from search.tracking import Tracker, front_table
from search.trials import Proposal
from swast.config import flatten
from tests.search.support import record, renumbered, search_info, study, tree

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def uri(home):
    return f"sqlite:///{home / 'mlflow.db'}"


def trial(number, run_id, accuracy, relative, **more):
    """A finished trial of the tiny study."""
    config = study().references["small"]
    kept = {"params": study().searched(config), "config": config.to_dict()}
    return record(number, accuracy, relative, run_id=run_id, **(kept | more))


@pytest.fixture(scope="module")
def story(home, uri):
    """A search of five trials, told to the tracker as a session does, and the client."""
    tracker = Tracker(uri, home / "mlartifacts")
    info = search_info(budget=5, seed=3)
    experiment_id, parent = tracker.start_search(info)
    info = search_info(budget=5, seed=3, experiment_id=experiment_id, run_id=parent)
    config, client = study().references["small"], MlflowClient(uri)
    names = ["small", None, None, None, None]
    runs = [
        tracker.start_trial(info, Proposal(number, config, name))
        for number, name in enumerate(names)
    ]
    fronts, notes = [], []

    def tagged():
        found = client.search_runs([experiment_id], "tags.pareto = 'true'")
        return {run.info.run_id for run in found}

    def end(ended, trials):
        tracker.end_trial(ended)
        if ended.state == "complete":
            tracker.publish_front(info, trials, home / "searches" / "trip")
            fronts.append(tagged())
            notes.append(client.get_run(parent).data.tags["mlflow.note.content"])

    for made in range(1, 5):
        for run_id in runs[:2]:
            tracker.log_epoch(run_id, made, {"val_accuracy": made / 10, "train_loss": 1 / made})
    trials = [
        trial(0, runs[0], 0.6, 0.1, reference="small"),
        trial(1, runs[1], 0.9, 0.5),
        trial(2, runs[2], 0.7, 0.05),
        trial(
            *(3, runs[3], 0.99, 0.001),
            state="pruned",
            reason="stopped",
            epochs=2,
            stopped_at=2,
        ),
        trial(4, runs[4], 0.99, 0.001, state="failed", reason="out of memory", epochs=1),
    ]
    for count, ended in enumerate(trials, start=1):
        end(ended, trials[:count])
    tracker.end_search(parent, failed=False)
    return SimpleNamespace(
        tracker=tracker,
        info=info,
        parent=parent,
        runs=runs,
        client=client,
        fronts=fronts,
        notes=notes,
        trials=trials,
        files=home / "searches" / "trip",
    )


def metric(story, run_id, name):
    """Steps and values of a metric."""
    history = story.client.get_metric_history(run_id, name)
    return [(entry.step, entry.value) for entry in history]


class TestTheParentRun:
    def test_lies_in_the_experiment_of_its_study(self, story):
        experiment = story.client.get_experiment(story.info.experiment_id)
        assert experiment.name == "tiny"
        run = story.client.get_run(story.parent)
        assert run.info.run_name == "trip"
        assert run.data.params == {"budget": "5", "sampler": "tpe", "seed": "3"}
        assert run.data.tags["study"] == "tiny"
        assert "mlflow.parentRunId" not in run.data.tags

    def test_keeps_the_study_file(self, story, tmp_path):
        kept = story.client.download_artifacts(story.parent, "study.toml", str(tmp_path))
        assert Path(kept).read_text(encoding="utf-8") == study().source

    def test_follows_front_hypervolume_and_flops(self, story):
        expected = [(count, story.trials[:count]) for count in (1, 2, 3)]
        assert metric(story, story.parent, "front_size") == [(1, 1), (2, 2), (3, 2)]
        assert metric(story, story.parent, "hypervolume") == [
            (count, pytest.approx(hypervolume_of(trials))) for count, trials in expected
        ]
        assert metric(story, story.parent, "flops_spent") == [
            (1, 1e9),
            (2, 6e9),
            (3, 6.5e9),
        ]

    def test_is_described_by_its_front(self, story):
        note = story.notes[-1]
        assert "Search **trip** of study **tiny**, 5 trials" in note
        rows = [line for line in note.splitlines() if line.startswith("| #")]
        assert rows == [
            "| #2 | 70.00% | 0.0500 | 5e+08 |",
            "| #1 | 90.00% | 0.5000 | 5e+09 |",
        ]
        assert "#0 small" in story.notes[0]

    def test_holds_the_plots_and_the_table(self, story, tmp_path):
        listed = story.client.list_artifacts(story.parent, "plots")
        assert sorted(entry.path for entry in listed) == [
            "plots/front.csv",
            "plots/pareto.html",
            "plots/pareto.png",
        ]
        story.client.download_artifacts(story.parent, "plots", str(tmp_path))
        assert tree(tmp_path / "plots") == tree(story.files)
        assert (tmp_path / "plots" / "pareto.png").read_bytes().startswith(b"\x89PNG")
        assert "trip" in (tmp_path / "plots" / "pareto.html").read_text()

    def test_ends_as_the_search_did(self, story):
        assert story.client.get_run(story.parent).info.status == "FINISHED"
        _, other = story.tracker.start_search(search_info(name="other"))
        assert story.client.get_run(other).info.status == "RUNNING"
        story.tracker.end_search(other, failed=True)
        assert story.client.get_run(other).info.status == "FAILED"
        story.tracker.reopen_search(other, [])
        assert story.client.get_run(other).info.status == "RUNNING"
        story.client.delete_run(other)


class TestTrialRuns:
    def test_lie_under_the_parent(self, story):
        found = story.client.search_runs(
            [story.info.experiment_id], f"tags.mlflow.parentRunId = '{story.parent}'"
        )
        assert {run.info.run_id for run in found} == set(story.runs)
        assert {run.data.tags["trial"] for run in found} == set("01234")

    def test_are_named_by_number_and_reference(self, story):
        runs = [story.client.get_run(run_id) for run_id in story.runs[:2]]
        assert [run.info.run_name for run in runs] == ["trip #0 small", "trip #1"]
        assert runs[0].data.tags["reference"] == "small"
        assert "reference" not in runs[1].data.tags

    def test_keep_every_setting(self, story):
        run = story.client.get_run(story.runs[0])
        config = study().references["small"]
        assert run.data.params == {
            path: str(value) for path, value in flatten(config.to_dict()).items()
        }

    def test_keep_every_epoch_at_its_step(self, story):
        for run_id in story.runs[:2]:
            assert metric(story, run_id, "val_accuracy") == [
                (made, made / 10) for made in range(1, 5)
            ]
            assert metric(story, run_id, "train_loss") == [
                (made, 1 / made) for made in range(1, 5)
            ]

    @pytest.mark.parametrize(
        ("number", "status", "state", "reason"),
        [
            (0, "FINISHED", "complete", None),
            (1, "FINISHED", "complete", None),
            (3, "KILLED", "pruned", "stopped"),
            (4, "FAILED", "failed", "out of memory"),
        ],
    )
    def test_end_as_the_trials_did(self, story, number, status, state, reason):
        run = story.client.get_run(story.runs[number])
        assert (run.info.status, run.data.tags["state"]) == (status, state)
        assert run.data.tags.get("reason") == reason
        assert run.data.tags.get("rung") == ("epoch 2" if number == 3 else None)
        assert run.data.metrics["seconds"] == 1.5
        assert ("relative_flops" in run.data.metrics) == (state == "complete")

    def test_keep_the_cost_of_the_whole_schedule(self, story):
        metrics = story.client.get_run(story.runs[1]).data.metrics
        assert metrics["relative_flops"] == 0.5
        assert metrics["log10_train_flops"] == pytest.approx(math.log10(5e9))

    def test_are_tagged_while_they_are_on_the_front(self, story):
        first, second, third = story.runs[:3]
        assert story.fronts == [{first}, {first, second}, {second, third}]


class TestGoingOn:
    def test_takes_the_tag_from_a_member_that_another_driver_put_there(self, story, home, uri):
        """A second driver finds a better trial after the first one was killed."""
        tracker = Tracker(uri, home / "mlartifacts")
        tracker.reopen_search(story.parent, [])
        run_id = tracker.start_trial(story.info, Proposal(5, study().references["small"], None))
        better = trial(5, run_id, 0.95, 0.01)
        tracker.end_trial(better)
        records = [*story.trials, better]
        assert front_of(records) == [better]
        tracker.publish_front(story.info, records, home / "searches" / "trip")
        tagged = story.client.search_runs([story.info.experiment_id], "tags.pareto = 'true'")
        assert [run.info.run_id for run in tagged] == [run_id]

    @pytest.fixture
    def abandoned(self, story, home, uri):
        """A search of three trials whose driver died before it closed a run; its successor."""
        first = Tracker(uri, home / "mlartifacts")
        experiment_id, parent = first.start_search(search_info(name="abandoned"))
        info = search_info(name="abandoned", experiment_id=experiment_id, run_id=parent)
        config = study().references["small"]
        runs = [first.start_trial(info, Proposal(number, config, None)) for number in range(3)]
        yield SimpleNamespace(
            info=info, config=config, runs=runs, tracker=Tracker(uri, home / "mlartifacts")
        )
        for run_id in (*runs, parent):
            story.client.delete_run(run_id)

    def test_closes_the_runs_of_trials_that_had_ended(self, story, abandoned):
        """Their driver told the storage, and died before it told MLflow."""
        abandoned.tracker.reopen_search(
            abandoned.info.run_id,
            [
                trial(0, abandoned.runs[0], 0.9, 0.5),
                trial(1, abandoned.runs[1], 0.5, 0.5, state="failed", reason="broken"),
                trial(2, abandoned.runs[2], 0.5, 0.5, state="running"),
            ],
        )
        found = [story.client.get_run(run_id) for run_id in abandoned.runs]
        assert [run.info.status for run in found] == ["FINISHED", "FAILED", "RUNNING"]
        assert [run.data.tags["state"] for run in found] == ["complete", "failed", "running"]
        assert found[1].data.tags["reason"] == "broken"
        assert found[0].data.metrics["relative_flops"] == 0.5

    def test_goes_on_in_a_run_that_its_trial_does_not_know_of(self, story, abandoned):
        """Their driver made the run, and died before it told the storage."""
        abandoned.tracker.reopen_search(
            abandoned.info.run_id,
            [
                trial(0, abandoned.runs[0], 0.9, 0.5),
                trial(1, abandoned.runs[1], 0.9, 0.5),
                trial(2, None, 0.5, 0.5, state="running"),
            ],
        )
        proposal = Proposal(2, abandoned.config, None)
        assert abandoned.tracker.start_trial(abandoned.info, proposal) == abandoned.runs[2]
        children = story.client.search_runs(
            [abandoned.info.experiment_id],
            f"tags.mlflow.parentRunId = '{abandoned.info.run_id}'",
        )
        assert {run.info.run_id for run in children} == set(abandoned.runs)

    def test_another_search_of_the_study_shares_its_experiment(self, story):
        experiment_id, run_id = story.tracker.start_search(search_info(name="second"))
        assert experiment_id == story.info.experiment_id
        story.client.delete_run(run_id)


class TestLongCurves:
    def test_are_kept_whole(self, story):
        """A batch holds 1,000 metrics at most."""
        run_id = story.tracker.start_trial(
            story.info, Proposal(9, study().references["small"], None)
        )
        for made in range(1, 402):
            story.tracker.log_epoch(run_id, made, {"a": made, "b": -made, "c": 0})
        story.tracker.end_trial(renumbered(story.trials[0], number=9, run_id=run_id))
        assert metric(story, run_id, "a") == [(made, made) for made in range(1, 402)]
        assert metric(story, run_id, "c") == [(made, 0) for made in range(1, 402)]
        story.client.delete_run(run_id)


class TestAStoreThatCannotBeUsed:
    def refused(self, uri, folder):
        with pytest.raises(RequestError) as caught:
            Tracker(uri, folder / "mlartifacts")
        (line,) = str(caught.value).splitlines()
        assert uri in line
        return line

    def test_is_a_file_that_is_no_database(self, tmp_path):
        path = tmp_path / "mlflow.db"
        noise = random.Random(0).randbytes(5000)
        path.write_bytes(noise)
        line = self.refused(f"sqlite:///{path}", tmp_path)
        assert "not a database" in line
        assert path.read_bytes() == noise

    def test_is_a_plain_folder(self, tmp_path):
        """MLflow no longer keeps runs in files."""
        self.refused(f"file:{tmp_path / 'mlruns'}", tmp_path)

    def test_is_a_place_where_nothing_can_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        self.refused(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}", tmp_path)

    def test_is_a_scheme_that_nobody_knows(self, tmp_path):
        self.refused("nonsense://nowhere", tmp_path)


def test_the_table_of_the_front_has_objectives_and_settings():
    members = [
        record(4, 1 / 3, 0.1, params={"interval": 3}),
        record(2, 0.9, 0.5, reference="a,b", params={"coreset.scorer": "el2n"}),
    ]
    rows = list(csv.DictReader(io.StringIO(front_table(members))))
    assert [row["trial"] for row in rows] == ["4", "2"]
    assert float(rows[0]["val_accuracy"]) == 1 / 3
    assert [row["train_flops"] for row in rows] == ["1000000000", "5000000000"]
    assert rows[1]["reference"] == "a,b"
    assert [(row["interval"], row["coreset.scorer"]) for row in rows] == [("3", ""), ("", "el2n")]
