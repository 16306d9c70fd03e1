"""Optimiser and learning rates, compared with PyTorch's."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler

from swast.config import OptimConfig, TrainConfig
from swast.optim import LR_SCHEDULES, clip_gradients, learning_rate, make_optimizer, paced
from tests.swast.support import STEPS, copied, epochs, few_digits, started, tiny, train

EPOCHS = 12


def config(**values: object) -> TrainConfig:
    return TrainConfig().with_values(
        {"epochs": EPOCHS, "optim.lr": 0.4, **{f"optim.{k}": v for k, v in values.items()}}
    )


def by_torch(steps: int, make) -> list[float]:
    """Return the rates of some steps under one of PyTorch's schedulers."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(settings: TrainConfig, steps: int) -> list[float]:
    """Return the rates of every step of a run with a fixed number of steps per epoch."""
    return [
        learning_rate(settings, epoch, step, steps)
        for epoch in range(settings.epochs)
        for step in range(steps)
    ]


class TestSchedules:
    def test_cosine_is_pytorchs_from_epoch_to_epoch(self):
        found = ours(config(), 1)
        expected = by_torch(EPOCHS, lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS))
        assert found == pytest.approx(expected)
        assert ours(config(), 5)[::5] == ours(config(), 5)[4::5] == found
        assert (found[0], found[EPOCHS // 2]) == pytest.approx((0.4, 0.2))
        assert learning_rate(config(), EPOCHS) == pytest.approx(0)

    def test_the_constant_rate_stays(self):
        assert set(ours(config(schedule="constant"), 3)) == {0.4}

    @pytest.mark.parametrize(
        ("share", "interval"), [(0.25, 3), (1 / 3, 4), (0.3, 4), (0.01, 1), (1, 12)]
    )
    def test_step_is_pytorchs_at_the_share_of_the_run_rounded_to_epochs(self, share, interval):
        found = ours(config(schedule="step", drop_every=share, drop_factor=0.2), 1)
        expected = by_torch(EPOCHS, lambda o: lr_scheduler.StepLR(o, interval, gamma=0.2))
        assert found == pytest.approx(expected)

    @pytest.mark.parametrize("peak", [0.1, 0.3, 0.75])
    def test_one_cycle_is_pytorchs_step_by_step(self, peak):
        """PyTorch's schedule ends on its last step; this one ends at T, one step later."""
        steps = EPOCHS * 4
        expected = by_torch(
            steps,
            lambda o: lr_scheduler.OneCycleLR(
                o, 0.4, steps + 1, pct_start=(peak * steps + 1) / (steps + 1), cycle_momentum=False
            ),
        )
        assert ours(config(schedule="one-cycle", peak=peak), 4) == pytest.approx(expected)

    def test_a_ramp_is_pytorchs_up_to_the_whole_rate(self):
        found = ours(config(schedule="constant", ramp_epochs=3), 4)
        expected = by_torch(
            EPOCHS * 4, lambda o: lr_scheduler.LinearLR(o, 1 / 12, 1, total_iters=11)
        )
        assert found == pytest.approx(expected)
        assert found[11] == found[12] == 0.4

    @pytest.mark.parametrize("schedule", LR_SCHEDULES)
    def test_a_ramp_multiplies_the_schedule(self, schedule):
        plain, ramped = (
            ours(config(schedule=schedule, ramp_epochs=length), 2) for length in (0, 2)
        )
        shares = [0.25, 0.5, 0.75, 1] + [1] * (2 * EPOCHS - 4)
        assert ramped == pytest.approx([a * b for a, b in zip(plain, shares, strict=True)])

    @given(
        st.sampled_from(list(LR_SCHEDULES)),
        st.integers(1, 60),
        st.integers(1, 40),
        st.floats(0.01, 0.99),
    )
    def test_a_rate_lies_between_0_and_lr(self, schedule, length, steps, share):
        values = {"epochs": length, "warmup_epochs": 0, "optim.schedule": schedule}
        settings = TrainConfig().with_values(
            values | {"optim.peak": share, "optim.drop_every": share}
        )
        rates = ours(settings, steps)
        assert all(0 <= rate <= 0.05 * (1 + 1e-12) for rate in rates)
        assert rates[0] > 0

    def test_rates_are_set_step_by_step_though_warm_up_has_more_steps_than_a_coreset(
        self, monkeypatch
    ):
        """Epoch 0 has 8 steps, later ones 3; the record holds the rate of an epoch's last step."""
        run = started(tiny({"optim.schedule": "one-cycle", "optim.ramp_epochs": 1}))
        rates = []
        plain = STEPS.train_step

        def step(run, *rest):
            rates.append(run.optimizer.param_groups[-1]["lr"])
            return plain(run, *rest)

        monkeypatch.setattr(STEPS, "train_step", step)
        last = [entry.learning_rate for entry in epochs(run)]
        places = [(0, step, 8) for step in range(8)]
        places += [(epoch, step, 3) for epoch in range(1, 6) for step in range(3)]
        assert rates == [learning_rate(run.config, *place) for place in places]
        assert last == [rates[7], *rates[10::3]]

    def test_an_optimisers_every_group_follows(self):
        optimizer = make_optimizer(OptimConfig(), nn.Linear(2, 2))
        parts = torch.arange(6).split(2)
        for place, part in enumerate(paced(optimizer, config(schedule="one-cycle"), 3, parts)):
            assert torch.equal(part, parts[place])
            expected = learning_rate(config(schedule="one-cycle"), 3, place, 3)
            assert {group["lr"] for group in optimizer.param_groups} == {expected}


class TestAdamW:
    def test_steps_are_those_of_the_paper_with_decay_on_weights_alone(self):
        """Compared with Loshchilov & Hutter's algorithm 2, on noisy gradients."""
        settings = OptimConfig(name="adamw", lr=0.01, momentum=0.8, beta2=0.95, weight_decay=0.3)
        torch.random.default_generator.manual_seed(0)
        model = nn.Linear(3, 2)
        optimizer = make_optimizer(settings, model)
        expected = {name: p.detach().clone() for name, p in model.named_parameters()}
        first = {name: torch.zeros_like(p) for name, p in expected.items()}
        second = {name: torch.zeros_like(p) for name, p in expected.items()}
        for step in range(1, 8):
            for name, parameter in model.named_parameters():
                gradient = torch.randn_like(parameter)
                parameter.grad = gradient
                decay = 0.3 if name == "weight" else 0.0
                expected[name] *= 1 - 0.01 * decay
                first[name] += 0.2 * (gradient - first[name])
                second[name] += 0.05 * (gradient**2 - second[name])
                mean, square = first[name] / (1 - 0.8**step), second[name] / (1 - 0.95**step)
                expected[name] -= 0.01 * mean / (square.sqrt() + 1e-8)
            optimizer.step()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(parameter.detach(), expected[name])

    def test_living_weights_move_as_those_of_a_network_that_has_no_others(self):
        """Unmasked weights of a masked layer move as in a dense one under PyTorch's AdamW."""
        settings = OptimConfig(name="adamw", lr=0.01, weight_decay=0.1)
        run = started(
            tiny(
                {
                    "optim.name": "adamw",
                    "optim.lr": 0.01,
                    "optim.weight_decay": 0.1,
                    "prune.method": "magnitude",
                    "prune.schedule": "one-shot",
                }
            ),
            after=2,
        )
        weight = run.masks.weights["3"]
        alive = run.masks.alive("3")
        small = nn.Parameter(weight[alive].detach().clone()[None])
        plain = torch.optim.AdamW([small], lr=0.01, weight_decay=settings.weight_decay)
        held = run.optimizer.state[weight]
        plain.state[small] = {
            "step": held["step"].clone(),
            "exp_avg": held["exp_avg"][alive].clone()[None],
            "exp_avg_sq": held["exp_avg_sq"][alive].clone()[None],
        }
        for places, images in STEPS.begin_epoch(run):
            STEPS.train_step(run, places, images)
            plain.param_groups[0]["lr"] = run.optimizer.param_groups[0]["lr"]
            small.grad = weight.grad[alive].clone()[None]
            plain.step()
        torch.testing.assert_close(weight[alive][None], small)
        assert not weight[~alive].any()

    def test_it_learns(self):
        values = {"optim.name": "adamw", "optim.lr": 0.003, "optim.weight_decay": 0.01}
        settings = TrainConfig(model="mlp-small", device="cpu").with_values(values)
        assert train(settings.with_values({"optim.schedule": "one-cycle"})).val_accuracy > 0.9


class TestClipping:
    def test_gradients_are_scaled_together_to_the_norm(self):
        model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
        for place, parameter in enumerate(model.parameters()):
            parameter.grad = torch.full_like(parameter, place + 1.0)
        before = torch.cat([p.grad.flatten().clone() for p in model.parameters()])
        clip_gradients(model, 0.5)
        after = torch.cat([p.grad.flatten() for p in model.parameters()])
        torch.testing.assert_close(after, before * 0.5 / before.norm(), rtol=1e-5, atol=0)
        clip_gradients(model, 100)
        torch.testing.assert_close(after.norm().item(), 0.5, rtol=1e-5, atol=0)

    @pytest.mark.parametrize("after", [0, 1])
    def test_it_is_off_at_0_in_warm_up_and_after(self, after):
        plain, loose = (
            started(tiny({"optim.clip_norm": norm}), after=after + 1) for norm in (0, 1e6)
        )
        for name, value in copied(plain.model).items():
            torch.testing.assert_close(copied(loose.model)[name], value)

    def test_gradients_of_pruned_weights_do_not_shrink_the_step(self):
        """The norm includes unmasked weights only."""
        values = {"prune.schedule": "one-shot", "prune.method": "magnitude"}
        run = started(tiny(values, **{"optim.clip_norm": 1e-3}), after=2)
        places, images = next(STEPS.begin_epoch(run))
        STEPS.train_step(run, places, images)
        gradients = [parameter.grad.flatten() for parameter in run.model.parameters()]
        assert torch.cat(gradients).norm().item() == pytest.approx(1e-3, rel=1e-3)

    def test_a_diverging_loss_is_held(self):
        """With clipping, a rate that would diverge still trains."""
        values = {"optim.lr": 30.0, "optim.clip_norm": 0.01, "prune.method": "none"}
        run = started(tiny(values), after=6)
        assert math.isfinite(run.history[-1].val_loss)


class TestLabelSmoothing:
    @pytest.mark.parametrize("after", [0, 1])
    def test_it_enters_training_and_not_evaluation(self, after):
        run = started(tiny({"optim.label_smoothing": 0.4, "preserve.weight": 0}), after=after)
        if after:
            next(epochs(run))
        places, images = next(STEPS.begin_epoch(run))
        indices = run.indices(places)
        logits = run.model(images).detach()
        labels = run.train_set.labels[indices]
        weights = run.round.coreset.weights[places] if after else torch.ones(len(places))
        targets = 0.6 * nn.functional.one_hot(labels, 10) + 0.4 / 10
        losses = -(targets * logits.log_softmax(1)).sum(1)
        expected = (weights * losses).sum() / weights.sum()
        run.step = 1
        found = STEPS.train_step(run, places, images)
        torch.testing.assert_close(found, expected)

    def test_the_validation_loss_is_that_of_hard_labels(self):
        run = started(tiny({"optim.label_smoothing": 0.4}), after=3)
        with torch.no_grad():
            logits = run.model.eval()(torch.tensor(few_digits().val_images))
        expected = nn.functional.cross_entropy(logits, torch.tensor(few_digits().val_labels))
        assert run.history[-1].val_loss == pytest.approx(expected.item(), rel=1e-5)


def test_a_rate_never_jumps_in_one_cycle():
    rates = ours(config(schedule="one-cycle"), 50)
    assert max(abs(a - b) for a, b in pairwise(rates)) < 0.4 * 0.02
