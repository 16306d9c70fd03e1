"""Tests of confirmation: contenders' further seeds, and readings of the front on the test set."""

from __future__ import annotations

import math

import pytest

from search.engine.jobs import Failure, FailureKind, Report
from search.loop.confirm import Confirmation
from search.loop.result import confirm
from search.trials import checkpoints
from search.trials.readings import Reading
from search.trials.repository import SearchTrials
from search.trials.trial_record import front_of
from tests.search.support import (
    BARE,
    UNIT,
    Listener,
    database,
    finish,
    new_search,
    record,
    result,
)


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

    @classmethod
    def of(cls, folder, retries=0):
        """Return another driver's confirmation of the search in a folder."""
        return cls(folder, SearchTrials.load(database(folder), "trip"), retries)

    def again(self):
        """Return another driver's confirmation of the same search."""
        return Scene.of(self.folder, self.retries)

    def end(self, job, accuracy=0.8):
        """End a training."""
        self.work.on_end(job.number, result(accuracy, 7 / UNIT, test=accuracy - 0.1))

    def jobs(self):
        """Return all jobs that there are now."""
        return list(iter(self.work.propose, None))

    def work_through(self, accuracy, most=math.inf):
        """End up to so many jobs, at accuracies by trial and seed; return whether each read.

        A job leaves a checkpoint.
        """
        done = []
        while len(done) < most and (job := self.work.propose()) is not None:
            job.folder.mkdir(parents=True, exist_ok=True)
            number, seed = int(job.folder.name.partition("-")[0]), job.config.seed
            done.append((number, seed, job.test))
            self.end(job, accuracy(number, seed))
        return done

    def checkpoints(self):
        """Return the names of the checkpoints that are left."""
        return sorted(path.name for path in (self.folder / "files" / "checkpoints").iterdir())

    def readings(self):
        """Return the stored readings by trial."""
        return {each.number: each.readings for each in self.trials.records() if each.readings}


def seeds(jobs):
    return [(job.folder.name, job.config.seed) for job in jobs]


def test_only_the_front_is_read_and_each_member_from_its_own_checkpoint(tmp_path):
    scene = Scene(tmp_path)
    jobs = scene.jobs()
    assert [job.folder for job in jobs] == [
        checkpoints.folder_of(tmp_path / "files", number) for number in (0, 2)
    ]
    assert all(job.test for job in jobs)
    records = {each.number: each for each in scene.trials.records()}
    assert [job.config for job in jobs] == [records[0].config, records[2].config]


def test_a_reading_is_stored_tracked_shown_and_not_repeated(tmp_path):
    scene = Scene(tmp_path)
    first, _ = scene.jobs()
    assert scene.work.on_report(first.number, Report([], {}))
    assert not scene.work.over
    scene.end(first, 0.6)
    member = scene.trials.records()[0]
    assert member.readings == {0: Reading(0.6, 0.5, 7)}
    assert member.test_score == 0.5
    assert scene.tracker.told("reading") == [(0, {"test_accuracy": 0.5}, 4)]
    assert scene.display.told("said") == ["#0: test accuracy 50.00%, validation accuracy 60.00%"]
    assert seeds(scene.again().jobs()) == [("2", 0)]


def steady(number, seed):
    """Accuracy of a trial that further seeds confirm."""
    return {0: 0.6, 1: 0.5, 2: 0.9}[number] + seed / 100


def test_contenders_are_trained_with_further_seeds_and_the_front_is_read_afterwards(tmp_path):
    scene = Scene(tmp_path, confirm_seeds=2)
    trained = [(number, seed, False) for number in (0, 2) for seed in (1, 2)]
    read = [(number, seed, True) for number in (0, 2) for seed in (0, 1, 2)]
    assert scene.work_through(steady) == [*trained, *read]
    assert scene.work.over
    assert scene.readings()[2] == {
        seed: Reading(steady(2, seed), steady(2, seed) - 0.1, 7) for seed in range(3)
    }
    assert [each for each in scene.tracker.told("reading") if each[0] == 2] == [
        (2, {"confirmed_val_accuracy": steady(2, 1)}, 1),
        (2, {"confirmed_val_accuracy": steady(2, 2)}, 2),
        (2, {"test_accuracy": steady(2, 0) - 0.1}, 4),
        (2, {"confirmed_test_accuracy": steady(2, 1) - 0.1}, 1),
        (2, {"confirmed_test_accuracy": steady(2, 2) - 0.1}, 2),
    ]
    scene.work.close()
    assert scene.checkpoints() == ["0", "2"]
    assert scene.again().work.over


def lucky(number, seed):
    """Accuracy of trials of which #2 was lucky, and #1 is better than it."""
    return {0: 0.6, 1: 0.5, 2: 0.3}[number] + seed / 1000


def test_a_lucky_member_leaves_the_front_and_its_test_set_is_never_read(tmp_path):
    """Who takes its place is confirmed in turn, before it is read."""
    scene = Scene(tmp_path, confirm_seeds=2)
    finish(scene.trials, (0.7, 0.9))
    scene = scene.again()

    def accuracy(number, seed):
        return 0.7 if number == 3 else lucky(number, seed)

    done = scene.work_through(accuracy)
    assert [(number, seed) for number, seed, test in done if not test] == [
        *((0, 1), (0, 2), (2, 1), (2, 2)),
        *((3, 1), (3, 2)),
    ]
    assert {number for number, _, test in done if test} == {0, 3}
    records = scene.trials.estimated()
    assert [each.number for each in front_of(records)] == [0, 3]
    assert all(each.test_score is None for each in scene.readings()[2].values())
    scene.work.close()
    assert scene.checkpoints() == ["0", "3"]
    (published,) = scene.tracker.told("front")
    assert [each.number for each in front_of(published)] == [0, 3]


@pytest.mark.parametrize("kills", [1, 3])
def test_a_killed_driver_loses_and_doubles_nothing(tmp_path, kills):
    """The next one ends with the readings of a driver that was not killed, each made once."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
        Scene(folder, confirm_seeds=2)
    unbroken = Scene.of(whole)
    expected = unbroken.work_through(lucky)
    made = []
    while not (scene := Scene.of(parts)).work.over:
        made += scene.work_through(lucky, kills)
    assert made == expected
    assert scene.readings() == unbroken.readings()


def test_a_killed_driver_finds_the_checkpoints_of_its_round(tmp_path):
    """A trial that its first seeds threw off the front keeps its place in the round."""
    scene = Scene(tmp_path, confirm_seeds=2)
    for number in (0, 1, 2):
        checkpoints.folder_of(tmp_path / "files", number).mkdir(parents=True)
    scene.work_through(lucky, 3)
    checkpoints.folder_of(tmp_path / "files", 2, 2).mkdir()
    trials = scene.again().trials
    kept = checkpoints.wanted(trials.estimated(), trials.info)
    assert {"0", "0-seed-1", "0-seed-2", "2", "2-seed-1", "2-seed-2"} <= kept
    assert "1" not in kept


def test_a_training_that_fails_holds_up_no_other_and_is_made_by_the_next_driver(tmp_path):
    scene = Scene(tmp_path, confirm_seeds=1)
    failing = scene.work.propose()
    scene.work.on_end(failing.number, Failure(FailureKind.DIVERGED, "DivergedError: nan"))
    assert scene.work_through(steady) == [(2, 1, False), (0, 0, True), (2, 0, True), (2, 1, True)]
    assert scene.work.over
    assert "#0 with seed 1 could not be confirmed: DivergedError: nan" in scene.display.told(
        "said"
    )
    assert Scene.of(tmp_path).work_through(steady) == [(0, 1, False), (0, 1, True)]


def test_more_seeds_are_added_to_those_that_were_read(tmp_path):
    Scene(tmp_path, confirm_seeds=1).work_through(steady)
    scene = Scene.of(tmp_path)
    scene.trials.remember(confirm_seeds=3)
    added = [(number, seed) for number in (0, 2) for seed in (2, 3)]
    assert Scene.of(tmp_path).work_through(steady) == [
        *((number, seed, False) for number, seed in added),
        *((number, seed, True) for number, seed in added),
    ]


def test_seeds_of_replicates_are_not_used_again(tmp_path):
    scene = Scene(tmp_path, confirm_seeds=2)
    first = scene.trials.records()[2]
    asked = scene.trials.ask_again(first.number, first.config, 1)
    scene.trials.settle(record(asked.number, 0.9, 0.1))
    trained = [
        seed for number, seed, test in Scene.of(tmp_path).work_through(steady) if number == 2
    ]
    assert trained == [2, 3, 0, 2, 3]


def test_a_home_of_an_older_version_has_nothing_left_to_do(tmp_path):
    """There, members were read on the test set with each seed, and the mean had all of them."""
    scene = Scene(tmp_path, confirm_seeds=2)
    for number in (0, 2):
        for seed in range(3):
            scene.trials.add_reading(number, seed, Reading(steady(number, seed), 0.5, 7))
    again = Scene.of(tmp_path)
    assert again.work.over
    assert [each.number for each in confirm(again.trials.estimated())] == [0, 2]


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
