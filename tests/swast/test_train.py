"""Whole trainings: history, result, threads, and divergence."""

from __future__ import annotations

import copy
import dataclasses
import json
import math

import pytest
import torch
from torch import nn

from swast import checkpoint
from swast.config import TrainConfig
from swast.coresets import SCORERS
from swast.errors import DivergedError
from swast.models import MODELS
from swast.result import TrainResult
from swast.run import Run
from tests.swast.support import (
    STEPS,
    after_each_step,
    epochs,
    few_digits,
    started,
    tiny,
    train,
)

every_scorer = pytest.mark.parametrize("scorer", SCORERS)


def at_rest(run: Run, images: torch.Tensor) -> torch.Tensor:
    """Return the logits of a copy of the network in eval mode."""
    model = copy.deepcopy(run.model).eval()
    with torch.no_grad():
        return model(images)


class TestHistory:
    def test_each_epoch_says_what_it_did(self):
        run = started(tiny({"prune.sparsity": 0.5}), after=6)
        assert [entry.epoch for entry in run.history] == [1, 2, 3, 4, 5, 6]
        assert [entry.phase for entry in run.history] == ["warmup"] + ["tailored"] * 5
        assert [entry.samples for entry in run.history] == [120] + [36] * 5
        assert [entry.learning_rate for entry in run.history] == pytest.approx(
            [0.025 * (1 + math.cos(math.pi * epoch / 6)) for epoch in range(6)]
        )
        seconds = [entry.seconds for entry in run.history]
        assert seconds == sorted(seconds)
        assert seconds[0] > 0

    def test_a_record_judges_the_network_as_it_stands_on_the_validation_set(self):
        run = Run(tiny(), few_digits())
        for entry in epochs(run):
            logits = at_rest(run, run.val_set.images)
            right = (logits.argmax(1) == run.val_set.labels).sum().item()
            assert entry.val_accuracy == right / 40
            assert entry.val_loss == pytest.approx(
                nn.functional.cross_entropy(logits, run.val_set.labels).item(), rel=1e-5
            )

    def test_the_result_is_of_the_last_epoch_and_not_of_the_best(self):
        result = train(tiny(), data=few_digits())
        assert result.val_accuracy == result.history[-1].val_accuracy
        assert result.val_loss == result.history[-1].val_loss
        assert result.seconds == result.history[-1].seconds
        assert result.train_flops == result.history[-1].train_flops

    def test_final_weights_are_sparse_and_those_that_were_judged(self):
        result = train(tiny(), data=few_digits())
        zeros = sum(int((result.state[f"{name}.weight"] == 0).sum()) for name in "135")
        assert zeros >= 50_432 - 5_043
        model = MODELS["mlp-small"]((1, 8, 8), 10)
        model.load_state_dict(result.state)
        with torch.no_grad():
            logits = model(torch.tensor(few_digits().val_images))
        right = (logits.argmax(1) == torch.tensor(few_digits().val_labels)).sum().item()
        assert result.val_accuracy == right / 40

    def test_the_result_is_plain_values_but_for_the_weights(self):
        result = train(tiny(), data=few_digits(), test=True)
        plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert TrainConfig.from_dict(plain["config"]) == result.config
        assert plain["history"][2]["train_loss"] == result.history[2].train_loss
        fields = {field.name for field in dataclasses.fields(TrainResult)}
        assert set(plain) == fields - {"state"}

    def test_it_learns(self):
        """With the defaults: density 0.1, and a twentieth of the samples."""
        result = train(TrainConfig(model="mlp-small", device="cpu"))
        assert result.val_accuracy > 0.9
        assert result.relative_flops < 0.2


class TestThreads:
    def test_a_run_computes_with_its_own_number_and_puts_the_old_one_back(self, monkeypatch):
        seen = set()
        after_each_step(monkeypatch, lambda run: seen.add(torch.get_num_threads()))
        before = torch.get_num_threads()
        wanted = 3 if before != 3 else 2
        train(tiny({"threads": wanted}), data=few_digits())
        assert seen == {wanted}
        assert torch.get_num_threads() == before

    def test_the_old_number_is_back_when_a_caller_looks_at_an_epoch_and_after_an_error(
        self, monkeypatch
    ):
        before = torch.get_num_threads()
        wanted = 3 if before != 3 else 2
        run = Run(tiny({"threads": wanted}), few_digits())
        steps = epochs(run)
        next(steps)
        assert torch.get_num_threads() == before
        monkeypatch.setattr(STEPS, "train_step", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(steps)
        assert torch.get_num_threads() == before


class TestDivergence:
    def test_it_is_said_with_the_epoch_and_what_to_try(self):
        with pytest.raises(DivergedError, match=r"in epoch \d.*try a lower optim\.lr than 1e\+06"):
            train(tiny({"optim.lr": 1e6}), data=few_digits())

    def test_the_last_good_checkpoint_stays(self, tmp_path, monkeypatch):
        plain = STEPS.train_step

        def step(run: Run, *rest: object) -> torch.Tensor:
            return plain(run, *rest) * (math.nan if run.epoch == 3 else 1)

        monkeypatch.setattr(STEPS, "train_step", step)
        with pytest.raises(DivergedError, match="became nan in epoch 4"):
            train(tiny(), data=few_digits(), checkpoint_dir=tmp_path)
        saved = checkpoint.load(tmp_path)
        assert saved["epoch"] == 3
        assert all(torch.isfinite(value).all() for value in saved["model"].values())

    def test_a_network_that_breaks_in_the_last_step_of_an_epoch_has_diverged(
        self, tmp_path, monkeypatch
    ):
        """The losses of the epoch are finite, but the weights after it are not."""

        def blow_up(run: Run) -> None:
            with torch.no_grad():
                run.model[1].weight.fill_(math.inf)

        after_each_step(monkeypatch, blow_up)
        config = tiny({"optim.batch_size": 500, "epochs": 1})
        with pytest.raises(DivergedError):
            train(config, data=few_digits(), checkpoint_dir=tmp_path)
        assert checkpoint.load(tmp_path) is None


def test_an_epoch_may_stop_the_run():
    def stop(entry) -> None:
        if entry.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny(), data=few_digits(), on_epoch=stop)


def test_the_data_set_is_loaded_by_name_where_none_is_given():
    config = tiny({"epochs": 1, "warmup_epochs": 1})
    assert train(config).history[0].samples == 1149


def test_a_run_without_warm_up_selects_with_the_initial_network():
    run = started(tiny({"warmup_epochs": 0}), after=1)
    assert run.history[0].phase == "tailored"
    assert run.ledger.warmup == 0


def test_a_run_that_only_warms_up_never_selects_nor_prunes():
    run = started(tiny({"warmup_epochs": 6}), after=6)
    assert {entry.phase for entry in run.history} == {"warmup"}
    assert run.round is None
    assert run.masks.is_dense()


@every_scorer
def test_every_scorer_trains_unbalanced_on_noisy_labels_and_trim(scorer):
    values = {"coreset.scorer": scorer, "coreset.balanced": False, "noise.rate": 0.3}
    result = train(tiny(values, **{"prune.scope": "fc"}), data=few_digits())
    assert math.isfinite(result.val_loss)
    assert result.predicted_flops == result.train_flops
