"""Runs are made once, whatever happens in between, and say what a plain training says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from studies import arms
from studies.arms import Results, run_all, run_one
from studies.outcomes import Cell
from studies.subsets import Subset
from swast.training import train
from tests.studies.support import quick


@pytest.fixture
def in_process(monkeypatch):
    """Train here, in order, and count; the processes have a test of their own."""
    made = []

    def outcomes(configs, subset, workers):
        for each in configs:
            made.append(each)
            yield each, run_one(each, subset)

    monkeypatch.setattr(arms, "_outcomes", outcomes)
    return made


class TestOutcome:
    def test_it_is_what_the_trainer_says(self):
        config = quick()
        found, plain = run_one(config), train(config, test=True)
        assert found.test_accuracy == plain.test_accuracy
        assert found.val_accuracy == plain.val_accuracy
        assert found.relative_flops == plain.relative_flops
        assert found.flops == plain.flops
        assert not found.diverged

    def test_the_noisy_share_is_that_of_the_last_coreset(self):
        noise = {"noise.rate": 0.4}
        assert run_one(quick()).noisy_share == 0
        assert 0.2 < run_one(quick(**noise)).noisy_share < 0.6
        whole = run_one(quick(**noise, **{"coreset.fraction": 1.0, "prune.method": "none"}))
        assert whole.noisy_share == pytest.approx(0.4, abs=1e-3)

    def test_a_run_that_diverges_counts_as_guessing_and_its_spending_is_kept(self):
        found = run_one(quick(**{"optim.lr": 1e6}))
        assert found.diverged
        assert found.test_accuracy == found.val_accuracy == pytest.approx(0.1)
        assert found.flops["warmup"] > 0


class TestResuming:
    def test_what_the_file_holds_is_not_made_again(self, tmp_path, in_process):
        configs = [quick(seed=seed) for seed in (0, 1)]
        first = run_all(configs, tmp_path)
        assert run_all([*configs, quick(seed=2)], tmp_path).items() >= first.items()
        assert in_process == [quick(seed=seed) for seed in (0, 1, 2)]

    def test_a_line_cut_short_is_dropped_and_its_run_made_again(self, tmp_path, in_process):
        configs = [quick(seed=seed) for seed in (0, 1)]
        first = run_all(configs, tmp_path)
        path = tmp_path / "runs.jsonl"
        path.write_bytes(path.read_bytes()[:-20])
        again = run_all(configs, tmp_path)
        assert in_process == [*configs, configs[1]]
        assert again[configs[1]].test_accuracy == first[configs[1]].test_accuracy
        assert [json.loads(line)["config"]["seed"] for line in path.read_text().splitlines()] == [
            0,
            1,
        ]

    def test_another_subset_is_another_run(self, tmp_path, in_process):
        run_all([quick()], tmp_path)
        run_all([quick()], tmp_path, subset=Subset(train=300))
        assert len(in_process) == 2

    def test_one_that_is_asked_for_twice_is_made_once(self, tmp_path, in_process):
        assert len(run_all([quick(), quick()], tmp_path)) == len(in_process) == 1

    def test_what_was_written_is_read_back(self, tmp_path):
        outcome = run_one(quick())
        Results(tmp_path / "runs.jsonl").add(Cell(quick()), outcome)
        assert Results(tmp_path / "runs.jsonl").get(Cell(quick())) == outcome
        assert len(outcome.history) == 2
        assert len(outcome.rounds) == 1


MANY = """
from pathlib import Path
from studies.arms import run_all
from tests.studies.support import quick
if __name__ == "__main__":
    run_all([quick(seed=seed) for seed in range(500)], Path({out!r}))
"""


@pytest.mark.e2e
def test_a_killed_study_goes_on_where_it_was(tmp_path, in_process):
    """A real process group, killed after its first outcomes."""
    script, path = tmp_path / "many.py", tmp_path / "runs.jsonl"
    script.write_text(MANY.format(out=str(tmp_path)))
    env = {**os.environ, "PYTHONPATH": os.getcwd()}  # noqa: PTH109
    process = subprocess.Popen([sys.executable, script], env=env, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_bytes().count(b"\n") >= 2):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = path.read_bytes().count(b"\n")
    wanted = [quick(seed=seed) for seed in range(kept + 1)]
    found = run_all(wanted, tmp_path)
    assert in_process == wanted[kept:]
    assert found[wanted[0]].test_accuracy == run_one(wanted[0]).test_accuracy
    assert np.isfinite([each.test_accuracy for each in found.values()]).all()
