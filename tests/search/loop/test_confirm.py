"""Tests of confirmation: readings of the front on the test set, and further seeds."""

from __future__ import annotations

import pytest

from search.engine.jobs import Failure, FailureKind, Report
from search.loop.confirm import Confirmation
from search.trials import checkpoints
from search.trials.readings import Reading
from search.trials.repository import SearchTrials
from tests.search.support import BARE, UNIT, Listener, database, finish, new_search, result


class Scene:
    """Confirmation of a search of three trials, of which #0 and #2 are on the front."""

    def __init__(self, folder, trials=None, retries=0, **info):
        self.folder, self.retries, self.trials = folder, retries, trials
        if trials is None:
            self.trials = new_search(folder, BARE, **info)
            finish(self.trials, (0.6, 0.01), (0.5, 0.5), (0.9, 0.1))
        self.tracker, self.display = Listener(), Listener()
        self.work = Confirmation(
            self.trials, self.tracker, self.display, folder / "files", retries
        )

    def again(self):
        """Return another driver's confirmation of the same search."""
        trials = SearchTrials.load(database(self.folder), "trip")
        return Scene(self.folder, trials, self.retries)

    def end(self, job, accuracy=0.8):
        """End a training."""
        self.work.on_end(job.number, result(accuracy, 7 / UNIT, test=accuracy - 0.1))

    def jobs(self):
        """Return all jobs that there are now."""
        return list(iter(self.work.propose, None))


def seeds(jobs):
    return [(job.folder.name, job.config.seed) for job in jobs]


def test_only_the_front_is_read_and_each_member_from_its_own_checkpoint(tmp_path):
    scene = Scene(tmp_path)
    jobs = scene.jobs()
    assert [job.folder for job in jobs] == [
        checkpoints.folder_of(tmp_path / "files", number) for number in (0, 2)
    ]
    assert all(job.test for job in jobs)
    records = {record.number: record for record in scene.trials.records()}
    assert [job.config for job in jobs] == [records[0].config, records[2].config]


def test_a_reading_is_stored_tracked_shown_and_not_repeated(tmp_path):
    scene = Scene(tmp_path)
    first, _ = scene.jobs()
    assert scene.work.on_report(first.number, Report([], {}))
    assert not scene.work.over
    scene.end(first, 0.6)
    record = scene.trials.records()[0]
    assert record.readings == {0: Reading(0.6, 0.5, 7)}
    assert record.test_score == 0.5
    assert scene.tracker.told("reading") == [(0, {"test_accuracy": 0.5}, 4)]
    assert scene.display.told("said") == ["#0: test accuracy 50.00%, validation accuracy 60.00%"]
    assert seeds(scene.again().jobs()) == [("2", 0)]


def test_further_seeds_follow_the_members_own(tmp_path):
    scene = Scene(tmp_path, confirm_seeds=2)
    jobs = scene.jobs()
    assert seeds(jobs) == [
        (name, seed)
        for number in (0, 2)
        for name, seed in [(f"{number}", 0), (f"{number}-seed-1", 1), (f"{number}-seed-2", 2)]
    ]
    for job in jobs:
        job.folder.mkdir(parents=True)
        scene.end(job, 0.5 + job.config.seed / 10)
    assert scene.work.over
    (member,) = [each for each in scene.trials.records() if each.number == 2]
    assert {seed: each.score for seed, each in member.readings.items()} == {
        0: 0.5,
        1: 0.6,
        2: 0.7,
    }
    kept = sorted(path.name for path in (tmp_path / "files" / "checkpoints").iterdir())
    assert kept == ["0", "2"]
    values = {"confirmed_test_accuracy": pytest.approx(0.6), "confirmed_val_accuracy": 0.7}
    assert scene.tracker.told("reading")[-1] == (2, values, 2)
    assert scene.again().work.over


def test_nothing_has_to_be_trained_where_the_members_networks_are_kept(tmp_path):
    scene = Scene(tmp_path)
    assert not scene.work.is_short
    for number in (0, 2):
        checkpoints.folder_of(tmp_path / "files", number).mkdir(parents=True)
    assert scene.work.is_short
    again = SearchTrials.load(database(tmp_path), "trip")
    again.remember(confirm_seeds=1)
    assert not Scene(tmp_path, again).work.is_short


def test_a_failed_training_is_retried_and_then_reported(tmp_path):
    scene = Scene(tmp_path, retries=1)
    first, second = scene.jobs()
    scene.work.on_end(first.number, Failure(FailureKind.WORKER_LOST, "its worker process died"))
    (again,) = scene.jobs()
    assert (again.config, again.folder) == (first.config, first.folder)
    scene.work.on_end(again.number, Failure(FailureKind.WORKER_LOST, "its worker process died"))
    scene.work.on_end(second.number, Failure(FailureKind.DIVERGED, "DivergedError: nan"))
    assert scene.work.over
    assert scene.display.told("said") == [
        "#0 could not be confirmed: its worker process died",
        "#2 could not be confirmed: DivergedError: nan",
    ]
    assert len(scene.again().jobs()) == 2


def test_a_pause_starts_nothing_more_and_can_be_resumed(tmp_path):
    scene = Scene(tmp_path)
    job = scene.work.propose()
    scene.work.pause()
    assert scene.work.over
    assert scene.work.propose() is None
    assert not scene.work.on_report(job.number, Report([], {}))
    scene.work.on_end(job.number, None)
    assert len(scene.again().jobs()) == 2
