"""Algorithm 1: its order, its loss, its randomness, and what it must not look at."""

from __future__ import annotations

import copy
import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from swast import checkpoint, sparsify
from swast.config import TrainConfig
from swast.coresets import SCORERS, group_sizes, make_groups
from swast.errors import DivergedError
from swast.features import extract
from swast.models import MODELS
from swast.preservation import weighted_cross_entropy
from swast.pruning import Masks
from swast.result import TrainResult
from swast.rng import generator
from swast.run import Run
from tests.swast.support import (
    STEPS,
    TRAINING,
    after_each_step,
    copied,
    epochs,
    few_digits,
    global_generators,
    restless_mlp,
    same_bits,
    started,
    tiny,
    train,
)

every_scorer = pytest.mark.parametrize("scorer", SCORERS)


def at_rest(run: Run, images: torch.Tensor) -> torch.Tensor:
    """What a copy of the network says in evaluation mode."""
    model = copy.deepcopy(run.model).eval()
    with torch.no_grad():
        return model(images)


@pytest.fixture
def restless(monkeypatch) -> None:
    monkeypatch.setitem(MODELS, "mlp-small", restless_mlp)


PRUNING = {"prune.schedule": "linear", "prune.sparsity": 0.9, "prune.method": "magnitude"}


class BeforePruning:
    """The network and the bill as they stood when a prune step began, each round."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.networks: list[nn.Module] = []
        plain = TRAINING.prune

        def spy(run: Run) -> None:
            self.networks.append(copy.deepcopy(run.model))
            plain(run)

        monkeypatch.setattr(TRAINING, "prune", spy)


class TestARound:
    """Select, record, prune, in this order: pruning to ½ and to 9 of 10 tells them apart."""

    @every_scorer
    def test_recorded_logits_are_those_of_the_network_before_the_prune_step(
        self, monkeypatch, scorer
    ):
        before = BeforePruning(monkeypatch)
        run = Run(tiny(PRUNING, **{"coreset.scorer": scorer}), few_digits())
        for entry in epochs(run):
            if entry.epoch in (2, 4, 6):
                chosen = run.train_set.images[run.round.coreset.indices]
                with torch.no_grad():
                    said = before.networks[-1].eval()(chosen)
                recorded = run.round.recorded_at(torch.arange(len(chosen)))
                torch.testing.assert_close(recorded, said, rtol=1e-4, atol=1e-5)
        assert len(before.networks) == 3
        assert entry.sparsity > 0.89

    @pytest.mark.parametrize("scorer", ["random", "gradmatch", "infobatch"])
    def test_the_first_rounds_logits_are_held_on_to_where_asked(self, monkeypatch, scorer):
        """Those of the dense network, whichever samples a later round takes."""
        before = BeforePruning(monkeypatch)
        values = {"coreset.scorer": scorer, "preserve.anchor": "first"}
        run = Run(tiny(PRUNING, **values), few_digits())
        seen = []
        for _ in epochs(run):
            if run.round is not None:
                chosen = run.train_set.images[run.round.coreset.indices]
                with torch.no_grad():
                    said = before.networks[0].eval()(chosen)
                recorded = run.round.recorded_at(torch.arange(len(chosen)))
                torch.testing.assert_close(recorded, said, rtol=1e-4, atol=1e-5)
                seen.append(set(run.round.coreset.indices.tolist()))
        assert len(before.networks) == 3
        assert seen[-1] - seen[0]

    @pytest.mark.parametrize("scorer", [name for name in SCORERS if not SCORERS[name].dynamics])
    def test_the_coreset_is_what_the_scorer_picks_by_that_network(self, monkeypatch, scorer):
        before = BeforePruning(monkeypatch)
        run = Run(tiny(PRUNING, **{"coreset.scorer": scorer}), few_digits())
        labels = run.train_set.labels
        groups = make_groups(labels, group_sizes(run.data.class_counts, 36, balanced=True))
        for entry in epochs(run):
            if entry.epoch in (2, 4, 6):
                features = extract(before.networks[-1], run.train_set.scan(), labels)
                draw = generator(0, "selection", entry.epoch - 1)
                expected = SCORERS[scorer].select(features, groups, draw, run.config.coreset)
                assert torch.equal(run.round.coreset.indices, expected.indices)
                torch.testing.assert_close(run.round.coreset.weights, expected.weights)

    def test_every_round_selects_and_records_anew(self):
        run = Run(tiny({"coreset.scorer": "random"}), few_digits())
        rounds = [run.round for _ in epochs(run)]
        assert rounds[0] is None
        assert rounds[1] is rounds[2]
        assert len({tuple(each.coreset.indices.tolist()) for each in rounds[1::2]}) == 3
        assert len({each.recorded.sum().item() for each in rounds[1::2]}) == 3

    def test_nothing_is_recorded_where_preservation_is_off(self):
        run = started(tiny({"preserve.weight": 0}), after=2)
        assert run.round.recorded is None

    @pytest.mark.parametrize("scorer", ["random", "el2n"])
    def test_selection_and_recording_see_the_network_at_rest(self, restless, monkeypatch, scorer):
        """No dropout, and the statistics of batch norm move by training steps alone."""
        before = BeforePruning(monkeypatch)
        run = Run(tiny(PRUNING, **{"coreset.scorer": scorer}), few_digits())
        for entry in epochs(run):
            if entry.epoch == 2:
                chosen = run.train_set.images[run.round.coreset.indices]
                with torch.no_grad():
                    said = before.networks[-1].eval()(chosen)
                torch.testing.assert_close(run.round.recorded, said, rtol=1e-4, atol=1e-5)
        assert run.model[2].num_batches_tracked == 8 + 5 * 3

    def test_steps_are_made_in_training_mode(self, restless, monkeypatch):
        modes = []
        after_each_step(monkeypatch, lambda run: modes.append(run.model[4].training))
        started(tiny(), after=3)
        assert set(modes) == {True}


class TestTheLoss:
    def explicit(self, run: Run, places: torch.Tensor, model: nn.Module) -> torch.Tensor:
        """Σ w·CE / Σ w + λ · KL(recorded ‖ now), written out."""
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
        """And the share that is due: step 2 of the (5 − 1) · 3 to the end of pruning."""
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
        """At the defaults, on a network a tenth as dense and a twentieth of the samples."""
        result = train(TrainConfig(model="mlp-small", device="cpu"))
        assert result.val_accuracy > 0.9
        assert result.relative_flops < 0.2


def first_places(run: Run) -> torch.Tensor:
    """The places of the next epoch's first step."""
    return next(STEPS.begin_epoch(run))[0]


class TestRandomness:
    def test_the_same_seed_gives_the_same_bits(self):
        first, second = (train(tiny(), data=few_digits()) for _ in range(2))
        assert same_bits(first.state, second.state)

    def test_another_seed_gives_another_run(self):
        first, second = (train(tiny({"seed": seed}), data=few_digits()) for seed in (0, 1))
        assert not same_bits(first.state, second.state)

    def test_each_purpose_hangs_on_the_seed(self):
        one, two = (started(tiny({"seed": seed, "coreset.scorer": "random"})) for seed in (0, 1))
        assert not same_bits(copied(one.model), copied(two.model))
        assert not torch.equal(first_places(one), first_places(two))
        assert not torch.equal(TRAINING.select(one)[0].indices, TRAINING.select(two)[0].indices)

    @every_scorer
    def test_the_order_of_the_batches_does_not_hang_on_the_scorer(self, scorer):
        def order(name: str) -> list[list[int]]:
            run = started(tiny({"coreset.scorer": name}), after=3)
            return [places.tolist() for places, _ in STEPS.begin_epoch(run)]

        assert order(scorer) == order("random")

    def test_every_epoch_has_an_order_of_its_own(self):
        run = started(tiny(), after=2)
        orders = {tuple(first_places(run).tolist())}
        next(epochs(run))
        orders.add(tuple(first_places(run).tolist()))
        assert len(orders) == 2

    def test_training_leaves_the_global_generators_alone(self):
        before = global_generators()
        train(tiny(), data=few_digits())
        assert global_generators() == before

    def test_what_was_drawn_globally_before_changes_nothing(self):
        first = train(tiny(), data=few_digits())
        torch.rand(5)
        np.random.default_rng().random()
        assert same_bits(train(tiny(), data=few_digits()).state, first.state)


class TestWhatTrainingMayNotSee:
    def other(self, **arrays: np.ndarray):
        return dataclasses.replace(few_digits(), **arrays)

    def bits(self, data) -> dict[str, torch.Tensor]:
        return train(tiny({"noise.rate": 0.2}), data=data).state

    def test_validation_data_steer_nothing(self):
        data = few_digits()
        turned = self.other(
            val_images=data.val_images[:, :, ::-1].copy(), val_labels=data.val_labels[::-1].copy()
        )
        assert same_bits(self.bits(turned), self.bits(data))

    def test_test_data_and_clean_labels_are_not_looked_at(self):
        blank = self.other(
            test_images=np.full_like(few_digits().test_images, np.nan),
            test_labels=np.full_like(few_digits().test_labels, -1),
            clean_train=np.full_like(few_digits().clean_train, -1),
        )
        assert same_bits(self.bits(blank), self.bits(few_digits()))

    def test_the_test_set_is_read_when_asked_for_and_judges_the_final_network(self):
        assert train(tiny(), data=few_digits()).test_accuracy is None
        same = self.other(test_images=few_digits().val_images, test_labels=few_digits().val_labels)
        result = train(tiny(), data=same, test=True)
        assert result.test_accuracy == result.val_accuracy

    def test_the_data_given_are_not_written_to(self):
        data = few_digits()
        before = copy.deepcopy(data)
        train(tiny({"noise.rate": 0.5}), data=data)
        for field in dataclasses.fields(data):
            assert np.array_equal(getattr(data, field.name), getattr(before, field.name))

    def test_arrays_that_cannot_be_written_to_are_taken(self):
        """Ray hands out shared memory that is read-only."""
        data = copy.deepcopy(few_digits())
        for field in dataclasses.fields(data):
            if isinstance(getattr(data, field.name), np.ndarray):
                getattr(data, field.name).flags.writeable = False
        train(tiny({"noise.rate": 0.5}), data=data)


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
        """The epoch's own losses are finite, and what it leaves behind is not."""

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
