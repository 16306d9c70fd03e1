"""One worker: jobs end in the same way whatever came before them, and failures are reported."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import swast
from search.engine.failures import is_out_of_memory, kind_of
from search.engine.jobs import Failure, FailureKind, Job
from search.engine.worker import Worker, work_here
from swast import checkpoint
from swast.data import load_data
from tests.search import faulty
from tests.search.engine.support import OTHER, TINY, lasting, reports


@pytest.fixture(scope="module")
def data():
    return load_data("digits")


@pytest.fixture(scope="module")
def alone(data):
    """The same training without a worker."""
    return swast.train(TINY, data=data, test=True)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints" / "0"


def test_a_job_is_told_an_epoch_a_step_and_ends_as_the_same_training_alone(data, alone, folder):
    told = reports(Worker(data), Job(0, TINY, folder, test=True))
    assert [len(each.epochs) for each in told] == [1] * 5
    assert [each.result is None for each in told] == [True] * 4 + [False]
    assert lasting(told[-1].result) == lasting(alone)
    assert told[-1].bill == alone.flops


def test_the_test_set_is_read_only_where_it_is_asked_for(data, folder):
    (*_, last) = reports(Worker(data), Job(0, TINY, folder))
    assert last.result.test_accuracy is None


def test_nothing_of_a_job_is_left_for_the_next(data, alone, folder, tmp_path):
    """Before it came a job that ended, one that was left half-way, and one that failed."""
    worker = Worker(data)
    reports(worker, Job(1, OTHER, tmp_path / "a"))
    reports(worker, Job(2, OTHER, tmp_path / "b"), most=1)
    reports(worker, Job(3, TINY.with_values({"optim.lr": 1e6}), tmp_path / "c"))
    (*_, last) = reports(worker, Job(0, TINY, folder, test=True))
    assert lasting(last.result) == lasting(alone)


@pytest.mark.parametrize("made", [1, 3, 4])
def test_a_job_goes_on_from_its_checkpoint_and_tells_all_its_epochs(data, alone, folder, made):
    job = Job(0, TINY, folder, test=True)
    reports(Worker(data), job, most=made)
    told = reports(Worker(data), job)
    assert [epoch.epoch for epoch in told[0].epochs] == list(range(1, len(told[0].epochs) + 1))
    assert len(told) <= 5
    assert sum(len(each.epochs) for each in told) == 5
    assert lasting(told[-1].result) == lasting(alone)


def test_a_job_at_its_end_is_only_read(data, alone, folder):
    reports(Worker(data), Job(0, TINY, folder))
    (told,) = reports(Worker(data), Job(0, TINY, folder, test=True))
    assert len(told.epochs) == 5
    assert told.result.test_accuracy == alone.test_accuracy


def test_a_job_that_is_left_goes_on_where_it_was_unless_its_checkpoint_is_gone(data, folder):
    """The checkpoint of a trial that a rung stopped has been removed by then."""
    job, worker = Job(0, TINY, folder), Worker(data)
    reports(worker, job, most=1)
    worker._due = float("inf")
    reports_so_far = [worker.step() for _ in range(2)]
    assert [report.epochs[0].epoch for report in reports_so_far] == [2, 3]
    worker.leave()
    assert [len(each.epochs) for each in reports(Worker(data), job)] == [4, 1]
    reports(worker, Job(0, TINY.with_values({"seed": 5}), folder), most=2)
    shutil.rmtree(folder)
    worker.leave()
    assert not folder.exists()


def test_jobs_share_their_warm_ups_and_end_as_alone(data, alone, folder, tmp_path):
    """The jobs run in two workers in turn; the last is all warm-up."""
    shared = tmp_path / "warmups"
    shared.mkdir()
    longer = TINY.with_values({"warmup_epochs": 2, "preserve.weight": 0.0})
    reports(Worker(data, warmups=shared), Job(1, longer, tmp_path / "a"))
    told = reports(Worker(data, warmups=shared), Job(0, TINY, folder, test=True))
    assert [len(each.epochs) for each in told] == [2, 1, 1, 1]
    assert lasting(told[-1].result) == lasting(alone)
    assert told[-1].bill == alone.flops
    assert {each.shared for each in told} == {alone.flops["warmup"]}
    dense = TINY.with_values({"warmup_epochs": 5})
    for paid, count in (alone.flops["warmup"] * 2, 3), (dense.epochs * alone.flops["warmup"], 1):
        told = reports(Worker(data, warmups=shared), Job(2, dense, tmp_path / str(count)))
        assert (len(told), told[-1].shared) == (count, paid)


def test_where_the_home_is_not_no_warm_ups_are_kept(data, folder, tmp_path):
    reports(Worker(data, warmups=tmp_path / "away"), Job(0, TINY, folder), most=2)
    assert not (tmp_path / "away").exists()


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_checkpoint_that_cannot_be_used_is_as_none(data, alone, folder, damage):
    reports(Worker(data), Job(0, TINY if damage == "cut" else OTHER, folder))
    if damage == "cut":
        file = folder / checkpoint.FILE
        file.write_bytes(file.read_bytes()[:-100])
    told = reports(Worker(data), Job(0, TINY, folder, test=True))
    assert len(told) == 5
    assert lasting(told[-1].result) == lasting(alone)


def test_checkpoints_take_little_of_the_time(data, folder, monkeypatch):
    """Here each takes a second, on a clock that only they move."""
    clock = [0.0]
    monkeypatch.setattr("search.engine.worker.time.monotonic", lambda: clock[0])

    def save(*_):
        clock[0] += 1.0

    monkeypatch.setattr("search.engine.worker.checkpoint.save", save)
    worker = Worker(data)
    worker.start(Job(0, TINY.with_values({"epochs": 200, "data": "digits"}), folder))
    for _ in range(40):
        clock[0] += 2.0
        worker.step()
    assert 80 < clock[0] <= 80 * 1.06 + 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device")])
def test_a_full_disk_does_not_stop_a_training(data, alone, folder, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr("search.engine.worker.checkpoint.save", full)
    (*_, last) = reports(Worker(data), Job(0, TINY, folder, test=True))
    assert lasting(last.result) == lasting(alone)


def test_nothing_is_written_where_the_search_has_no_folder(data, tmp_path):
    """So it is on a machine of the cluster that does not share the home."""
    reports(Worker(data), Job(0, OTHER, tmp_path / "home" / "checkpoints" / "0"))
    assert list(tmp_path.iterdir()) == []


class Few:
    """A few jobs, each stopped after some epochs."""

    def __init__(self, jobs, epochs):
        self.jobs, self.epochs, self.told, self.ended = list(jobs), epochs, [], {}
        self.rests = 0

    def propose(self):
        return self.jobs.pop(0) if self.jobs else None

    def on_report(self, number, report):
        self.told.append((number, report.epochs[-1].epoch))
        return self.told[-1][1] < self.epochs

    def on_end(self, number, outcome):
        self.ended[number] = outcome

    def rest(self):
        self.rests += 1


def test_jobs_done_here_end_as_in_a_process_of_their_own(data, alone, folder, tmp_path):
    broken = TINY.with_values({"optim.lr": 1e6})
    whole = Few([Job(0, TINY, folder, test=True), Job(1, broken, tmp_path / "b")], epochs=99)
    work_here(whole, Worker(data))
    assert whole.told == [(0, number) for number in range(1, 6)]
    assert lasting(whole.ended[0]) == lasting(alone)
    assert whole.ended[1].kind is FailureKind.DIVERGED
    assert whole.rests == 2
    cut = Few([Job(2, TINY, tmp_path / "c")], epochs=2)
    work_here(cut, Worker(data))
    assert (cut.told, cut.ended) == ([(2, 1), (2, 2)], {2: None})


class TestFailures:
    def test_of_the_trainer_would_come_again(self, data, folder):
        (*_, last) = reports(Worker(data), Job(0, TINY.with_values({"optim.lr": 1e6}), folder))
        assert last.kind is FailureKind.DIVERGED
        assert last.kind.is_lasting
        assert last.reason.startswith("DivergedError: ")

    def test_of_the_network_are_told_in_a_line_with_the_place_and_kept_whole(self, data, folder):
        job = Job(0, TINY.with_values({"model": "tests.search.faulty:raising"}), folder)
        (last,) = reports(Worker(data), job)
        source = Path(faulty.__file__).read_text().splitlines()
        line = 1 + source.index(
            '            raise ZeroDivisionError("the network divides by zero")'
        )
        where = f"(faulty.py, line {line})"
        assert last.kind is FailureKind.RAISED
        assert last.reason == f"ZeroDivisionError: the network divides by zero {where}"
        assert last.trace.startswith("Traceback (most recent call last):\n")
        assert f'{faulty.__file__}", line {line}, in fault' in last.trace
        assert last.trace.endswith("\nZeroDivisionError: the network divides by zero\n")

    def test_of_a_configuration_that_the_trainer_refuses_are_lasting(self, data, folder):
        job = Job(0, TINY.with_values({"coreset.fraction": 1e-6}), folder)
        (last,) = reports(Worker(data), job)
        assert last.kind is FailureKind.REFUSED
        assert last.kind.is_lasting

    def test_of_other_kinds_may_pass(self):
        passing = (FailureKind.OUT_OF_MEMORY, FailureKind.RAISED, FailureKind.WORKER_LOST)
        assert not any(kind.is_lasting for kind in passing)

    def test_without_words_have_their_name(self, data, folder, monkeypatch):
        def fail(*_):
            raise KeyError

        line = fail.__code__.co_firstlineno + 1
        monkeypatch.setattr("search.engine.worker.Run", fail)
        assert reports(Worker(data), Job(0, TINY, folder)) == [
            Failure(FailureKind.RAISED, f"KeyError (test_worker.py, line {line})")
        ]

    @pytest.mark.parametrize(
        "error", [MemoryError(), torch.cuda.OutOfMemoryError("CUDA out of memory.")]
    )
    def test_of_memory_are_called_so(self, error):
        assert is_out_of_memory(error)
        assert kind_of(error) is FailureKind.OUT_OF_MEMORY
        assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


EAT = """
import dataclasses
from pathlib import Path
from search.engine.jobs import Job
from search.engine.worker import Worker
from tests.search.engine.support import TINY, reports
from swast.data import load_data

worker = Worker(load_data("digits"), memory=1.5)
for name in ("eating", "sound"):
    config = TINY.with_values({"model": f"tests.search.faulty:{name}"})
    last = reports(worker, Job(0, config, Path("none") / name / "0"))[-1]
    print(getattr(last, "reason", None) or last.result.val_accuracy)
"""


def test_a_limit_of_memory_fails_the_trial_that_exceeds_it_and_not_the_next(tmp_path):
    """It runs in a process of its own, since the limit cannot be lifted again."""
    done = subprocess.run(
        [sys.executable, "-c", EAT], capture_output=True, text=True, check=True, timeout=100
    )
    eaten, trained = done.stdout.splitlines()
    assert eaten.startswith("out of memory: ")
    assert float(trained) > 0.2
