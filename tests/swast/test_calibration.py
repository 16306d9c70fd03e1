"""Calibration, compared with trainings in the same process."""

from __future__ import annotations

import statistics

import pytest
import torch

from swast import calibration
from swast.calibration import Speed, calibrate, fit, solver_seconds, step_laps, within
from swast.coresets import SCORERS
from swast.cost import Passes
from swast.errors import ConfigError
from tests.swast.support import (
    TRAINING,
    digits,
    few_digits,
    global_generators,
    pruning,
    tiny,
    train,
)

SMALL_PARTS = 0.1
"""Seconds; enough for dozens of steps of a tiny network."""


class TestSpeed:
    def test_a_runs_time_is_that_of_its_steps_and_samples(self):
        passes = Passes(steps=10, training=300, saliency=20, forward=1000)
        assert Speed(1e-3, 1e-4, 1e-5).seconds(passes) == pytest.approx(0.01 + 0.032 + 0.01)


class TestFit:
    def test_two_sizes_tell_a_step_from_its_samples(self):
        """The first lap of each size is a warm-up."""
        step, sample = fit((8, [9.0, 1.8, 1.8]), (32, [9.0, 4.1, 4.3]))
        assert (step, sample) == pytest.approx((1.0, 0.1))

    def test_batches_that_take_the_same_whatever_their_size_cost_a_step_each(self):
        assert fit((8, [2.0]), (32, [2.0])) == (2.0, 0.0)
        assert fit((8, [3.0]), (32, [2.0])) == (2.0, 0.0)

    def test_a_step_costs_nothing_less_than_nothing(self):
        assert fit((8, [0.1]), (32, [3.2])) == pytest.approx((0.0, 0.1))

    def test_where_one_step_was_all_there_was_time_for_its_samples_are_all(self):
        assert fit((8, [4.0]), (32, [])) == (0.0, 0.5)

    def test_and_where_both_sizes_are_one(self):
        assert fit((2, [9.0, 4.0]), (2, [5.0])) == (0.0, 2.0)


class TestBounds:
    def test_laps_are_made_until_their_time_is_up(self):
        assert list(within(iter([1.0, 1.0, 1.0, 1.0]), 2.5)) == [1.0, 1.0, 1.0]

    def test_one_is_made_however_long_it_takes(self):
        assert list(within(iter([60.0, 60.0]), 1.0)) == [60.0]

    def test_steps_and_passes_are_bounded_whatever_the_time(self, monkeypatch):
        monkeypatch.setattr(calibration, "MOST_LAPS", 6)
        seen = []

        def hook(*_):
            seen.append(torch.is_grad_enabled())

        handle = torch.nn.modules.module.register_module_forward_pre_hook(
            lambda module, inputs: hook() if isinstance(module, torch.nn.Sequential) else None
        )
        try:
            calibrate(tiny({"prune.method": "none"}), few_digits(), seconds=1e6)
        finally:
            handle.remove()
        assert seen.count(True) == 6
        assert seen.count(False) <= 6 + 2  # and two to count its FLOPs and try it out


class TestCalibrate:
    @pytest.mark.parametrize("method", ["none", "rigl", "snip", "n:m", "channel"])
    def test_measures_under_every_kind_of_pruner(self, method):
        found = calibrate(tiny(pruning(method)), few_digits(), SMALL_PARTS)
        assert found.forward > 0 <= min(found.step, found.sample)
        assert found.step + found.sample > 0

    @pytest.mark.parametrize(
        "values",
        [
            {"coreset.fraction": 0.01, "coreset.balanced": True},
            {"preserve.weight": 0.0},
            {"warmup_epochs": 6},
            {"coreset.scorer": "forgetting"},
            {"optim.batch_size": 1},
            {"optim.batch_size": 4096},
        ],
        ids=str,
    )
    def test_and_whatever_else_is_fixed(self, values):
        """A fixed coreset setting that is too small for every class may never be used."""
        assert calibrate(tiny(values), few_digits(), SMALL_PARTS).forward > 0

    def test_steps_obey_the_masks(self):
        run = calibration.in_round(tiny(pruning("magnitude")), few_digits())
        assert run.sparsity == pytest.approx(0.9, abs=1e-3)
        assert len(list(step_laps(run, [4, 16]))) == 2
        assert all(
            (weight[~run.masks.alive(name)] == 0).all()
            for name, weight in run.masks.weights.items()
        )

    def test_changes_nothing_outside(self):
        threads, state = torch.get_num_threads(), global_generators()
        calibrate(tiny({"threads": 2}), few_digits(), SMALL_PARTS)
        assert (torch.get_num_threads(), global_generators()) == (threads, state)

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_refuses_a_gpu_that_is_not_there(self):
        with pytest.raises(ConfigError, match="needs a GPU"):
            calibrate(tiny({"device": "cuda"}), few_digits())


class TestSolver:
    @pytest.mark.parametrize("scorer", SCORERS)
    def test_every_scorers_is_timed_where_it_costs_anything(self, scorer):
        config = tiny({"coreset.scorer": scorer})
        billed = TRAINING.foresee(config, few_digits()).ledger.solver > 0
        assert (solver_seconds(config, few_digits()) > 0) == billed

    def test_where_all_samples_are_kept_nothing_is(self):
        assert solver_seconds(tiny({"coreset.fraction": 1.0}), few_digits()) == 0

    def test_it_chooses_among_few(self, monkeypatch):
        monkeypatch.setattr(calibration, "SOLVED", 50)
        monkeypatch.setattr(calibration, "SOLVED_CLASSES", 3)
        labels = calibration.some_labels(digits())
        assert 40 <= len(labels) <= 50
        assert labels.unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(
            {"model": "cnn-small", "coreset.scorer": "random", "coreset.fraction": 0.3},
            marks=pytest.mark.long,
            id="rigl",
        ),
        pytest.param(
            {"model": "cnn-small", "coreset.scorer": "gradmatch", "coreset.fraction": 0.5},
            marks=pytest.mark.long,
            id="gradmatch",
        ),
        pytest.param(
            {"model": "mlp-small", "prune.method": "none", "coreset.fraction": 1.0}, id="dense"
        ),
    ],
)
def test_what_it_says_is_what_trainings_take(values):
    """Calibrations and trainings alternate, so that both see the same load of the machine.

    The spread of the calibrations measures the machine's noise. The medians must agree within
    1.5 times the ratio of the largest calibration to the smallest.
    """
    config = tiny({"epochs": 8, "optim.batch_size": 32, **values})
    foreseen, expected, taken = TRAINING.foresee(config, digits()), [], []
    for _ in range(5):
        speed, solver = calibrate(config, digits(), 0.3), solver_seconds(config, digits())
        expected.append(speed.seconds(foreseen.passes) + solver * foreseen.ledger.solver)
        taken.append(train(config, data=digits()).seconds)
    ratio = statistics.median(taken) / statistics.median(expected)
    spread = max(max(expected) / min(expected), max(taken) / min(taken))
    assert 1 / (1.5 * spread) < ratio < 1.5 * spread, (ratio, spread)
