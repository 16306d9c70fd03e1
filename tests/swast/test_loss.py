"""Loss of a training step, and its gradients."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from swast import sparsify
from swast.preservation import weighted_cross_entropy
from swast.pruning import Masks
from swast.run import Run
from tests.swast.support import (
    STEPS,
    TRAINING,
    copied,
    epochs,
    few_digits,
    same_bits,
    started,
    tiny,
    train,
)


class TestTheLoss:
    def explicit(self, run: Run, places: torch.Tensor, model: nn.Module) -> torch.Tensor:
        """Compute Σ w·CE / Σ w + λ · KL(recorded ‖ now) explicitly."""
        held, settings = run.round, run.config.preserve
        indices = held.coreset.indices[places]
        now = model(run.train_set.images[indices]).log_softmax(1)
        weights = held.coreset.weights[places]
        wrong = -now[torch.arange(len(places)), run.train_set.labels[indices]]
        loss = (weights * wrong).sum() / weights.sum()
        if settings.weight:
            then = held.recorded[places].log_softmax(1)
            drift = (then.exp() * (then - now)).sum(1)
            drift = drift.mean() if settings.reduction == "mean" else drift.sum()
            loss = loss + settings.weight * drift
        return loss

    @pytest.mark.parametrize("weight", [0, 0.1, 3.0])
    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_a_step_follows_the_gradient_of_the_papers_loss(self, weight, reduction):
        config = tiny(
            {
                "preserve.weight": weight,
                "preserve.reduction": reduction,
                "prune.schedule": "one-shot",
                "optim.lr": 0.1,
            }
        )
        run = started(config, after=2)
        assert run.round.coreset.weights.std() > 0.1
        model = copy.deepcopy(run.model)
        places, images = next(STEPS.begin_epoch(run))
        expected = self.explicit(run, places, model)
        expected.backward()
        run.step = 1  # no RigL update is due
        found = STEPS.train_step(run, places, images)
        torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=1e-6)
        for name, parameter in run.model.named_parameters():
            gradient = model.get_parameter(name).grad
            if name.endswith("weight"):
                gradient = gradient * run.masks.alive(name.removesuffix(".weight"))
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)

    def test_a_factor_of_the_cross_entropy_is_a_larger_step_with_less_decay(self):
        """c·∇CE + γw at the rate η is ∇CE + γ/c·w at c·η, momentum and RigL included."""
        scaled = train(
            tiny({"preserve.weight": 0, "preserve.cross_entropy": 3.0, "warmup_epochs": 0}),
            data=few_digits(),
        )
        faster = train(
            tiny(
                {
                    "preserve.weight": 0,
                    "warmup_epochs": 0,
                    "optim.lr": 0.15,
                    "optim.weight_decay": 5e-4 / 3,
                }
            ),
            data=few_digits(),
        )
        plain = train(tiny({"preserve.weight": 0, "warmup_epochs": 0}), data=few_digits())
        for name, weight in scaled.state.items():
            torch.testing.assert_close(weight, faster.state[name], rtol=1e-3, atol=1e-4)
        assert not same_bits(scaled.state, plain.state)

    def test_the_factor_leaves_warm_up_and_the_preservation_term_alone(self):
        runs = [
            started(tiny({"preserve.cross_entropy": factor}, **{"preserve.weight": 1.0}), after=2)
            for factor in (1.0, 2.0)
        ]
        warm = [started(run.config, after=1) for run in runs]
        assert same_bits(copied(warm[0].model), copied(warm[1].model))
        model = copy.deepcopy(runs[1].model)
        places, images = next(TRAINING.begin_epoch(runs[1]))
        held = runs[1].round
        assert held is not None
        wrong = weighted_cross_entropy(
            model(images),
            runs[1].train_set.labels[runs[1].indices(places)],
            held.coreset.weights[places],
        )
        expected = self.explicit(runs[1], places, model) + wrong
        torch.testing.assert_close(
            TRAINING.train_step(runs[1], places, images), expected.detach(), rtol=1e-5, atol=1e-6
        )

    def test_a_rigl_update_sees_the_dense_gradient_of_its_batch(self, monkeypatch):
        """The update share is that of step 2 of the (5 − 1) · 3 steps to the end of pruning."""
        run = started(tiny({"prune.schedule": "one-shot"}), after=2)
        model = copy.deepcopy(run.model)
        places, images = next(STEPS.begin_epoch(run))
        self.explicit(run, places, model).backward()
        seen = []

        def update(masks: Masks, fraction: float, *_: object) -> None:
            assert fraction == pytest.approx(0.15 * (1 + math.cos(math.pi * 2 / 12)))
            for name, weight in masks.weights.items():
                dense = model.get_parameter(f"{name}.weight").grad
                torch.testing.assert_close(weight.grad, dense, rtol=1e-4, atol=1e-6)
                seen.append(bool(dense[~masks.alive(name)].any()))

        monkeypatch.setattr(sparsify, "update", update)
        run.step, run.epoch = 2, 1
        STEPS.train_step(run, places, images)
        assert seen == [True, True, True]

    def test_warm_up_is_plain_cross_entropy_on_all_data(self):
        run = started(tiny())
        batches = list(STEPS.begin_epoch(run))
        assert sorted(torch.cat([places for places, _ in batches]).tolist()) == list(range(120))
        places, images = batches[0]
        assert torch.equal(images, run.train_set.images[places])
        expected = nn.functional.cross_entropy(
            run.model(images), run.train_set.labels[places]
        ).item()
        loss = STEPS.train_step(run, places, images)
        assert loss.item() == pytest.approx(expected, rel=1e-6)

    def test_an_epoch_visits_each_sample_of_its_coreset_once(self, monkeypatch):
        run = started(tiny(), after=1)
        next(epochs(run))
        parts = [places for places, _ in STEPS.begin_epoch(run)]
        assert [len(part) for part in parts] == [16, 16, 4]
        assert sorted(torch.cat(parts).tolist()) == list(range(36))

    def test_an_epochs_loss_is_the_mean_of_its_steps(self, monkeypatch):
        losses = []
        plain = STEPS.train_step

        def step(*arguments: object) -> torch.Tensor:
            losses.append(plain(*arguments))
            return losses[-1]

        monkeypatch.setattr(STEPS, "train_step", step)
        run = started(tiny(), after=1)
        assert run.history[0].train_loss == pytest.approx(float(sum(losses)) / 8, rel=1e-6)
