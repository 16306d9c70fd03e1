"""A study's training equals a plain training, and its outcome is kept in a file."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from studies.outcomes import Cell
from studies.results import Results
from studies.subsets import Subset
from swast.training import train
from tests.studies.support import quick, run_one


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


@pytest.fixture
def outcome():
    return run_one(quick())


class TestResults:
    def test_what_was_written_is_read_back(self, tmp_path, outcome):
        Results(tmp_path / "runs.jsonl").add(Cell(quick()), outcome)
        assert Results(tmp_path / "runs.jsonl").get(Cell(quick())) == outcome
        assert len(outcome.history) == 2
        assert len(outcome.rounds) == 1

    def test_another_seed_and_another_subset_are_other_trainings(self, tmp_path, outcome):
        results = Results(tmp_path / "runs.jsonl")
        results.add(Cell(quick()), outcome)
        assert results.get(Cell(quick(seed=1))) is None
        assert results.get(Cell(quick(), Subset(train=300))) is None

    def test_a_line_cut_short_is_dropped_and_can_be_written_again(self, tmp_path, outcome):
        path, cells = tmp_path / "runs.jsonl", [Cell(quick(seed=seed)) for seed in (0, 1)]
        first = Results(path)
        for cell in cells:
            first.add(cell, outcome)
        path.write_bytes(path.read_bytes()[:-20])
        again = Results(path)
        assert [again.get(cell) is None for cell in cells] == [False, True]
        again.add(cells[1], replace(outcome, seconds=7.0))
        assert Results(path).get(cells[1]).seconds == 7
        seeds = [json.loads(line)["config"]["seed"] for line in path.read_text().splitlines()]
        assert seeds == [0, 1]

    def test_a_setting_that_a_line_does_not_know_has_its_default(self, tmp_path, outcome):
        path = tmp_path / "runs.jsonl"
        Results(path).add(Cell(quick()), outcome)
        line = json.loads(path.read_text())
        del line["config"]["preserve"]["anchor"]
        path.write_text(json.dumps(line) + "\n")
        assert Results(path).get(Cell(quick())) == outcome
        assert Results(path).get(Cell(quick(**{"preserve.anchor": "first"}))) is None
