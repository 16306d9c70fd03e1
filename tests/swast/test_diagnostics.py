"""Diagnosis of rounds, which changes neither the run nor its training FLOPs."""

from __future__ import annotations

import json

import pytest
import torch
from torch.nn import functional

from swast.diagnostics import double_losses
from swast.result import EpochRecord
from tests.swast.support import (
    epochs,
    few_digits,
    price,
    same_bits,
    started,
    tiny,
    train,
)

LOOKING = {"diagnose.passes": True, "diagnose.test": True}


def entries(accuracies: list[float], sparsities: list[float]) -> list[EpochRecord]:
    return [
        EpochRecord(place + 1, "tailored", 1, sparsity, 0.1, 1.0, 1.0, accuracy, 1, 1.0)
        for place, (accuracy, sparsity) in enumerate(zip(accuracies, sparsities, strict=True))
    ]


class TestDoubleLoss:
    """Double losses with rounds at the epochs 2, 4, 6 and 8 (from 0), and accuracy 90 % before."""

    STARTS = (2, 4, 6, 8)

    def found(self, accuracies: list[float], sparsities: list[float] | None = None):
        grown = [0, 0, 0.3, 0.3, 0.6, 0.6, 0.9, 0.9, 0.9, 0.9]
        return double_losses(entries(accuracies, sparsities or grown), self.STARTS, 0.05)

    def test_a_drop_that_stays_is_one(self):
        steady = [0.5, 0.9, 0.9, 0.9, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7]
        assert self.found(steady) == (False, True, False, False)

    def test_a_drop_that_one_of_the_next_two_rounds_regains_is_none(self):
        assert not any(self.found([0.5, 0.9, 0.6, 0.6, 0.7, 0.7, 0.7, 0.86, 0.86, 0.86]))

    def test_a_drop_regained_only_in_the_third_round_after_counts(self):
        assert self.found([0.5, 0.9, 0.6, 0.6, 0.7, 0.7, 0.7, 0.8, 0.9, 0.9])[0]

    def test_a_drop_without_pruning_is_none(self):
        assert not any(self.found([0.9, 0.9] + [0.5] * 8, [0.3] * 10))

    def test_less_than_the_bound_is_none(self):
        assert not any(self.found([0.5, 0.9] + [0.851] * 8))

    def test_a_round_before_any_epoch_has_nothing_to_lose(self):
        assert double_losses(entries([0.1, 0.1], [0.5, 0.5]), (0,), 0.05) == (False,)


class TestRounds:
    CONFIG = tiny({"noise.rate": 0.3, "coreset.scorer": "el2n", "prune.schedule": "linear"})

    def test_each_says_whom_it_chose(self):
        run = started(self.CONFIG, after=6)
        assert [record.epoch for record in run.rounds] == [1, 3, 5]
        for record in run.rounds:
            assert len(record.indices) == len(record.weights) == sum(record.class_counts) == 36
        last, coreset = run.rounds[-1], run.round.coreset
        assert list(last.indices) == coreset.indices.tolist()
        assert list(last.weights) == coreset.weights.tolist()
        chosen = run.train_set.labels[coreset.indices].tolist()
        assert last.class_counts == tuple(chosen.count(label) for label in range(10))

    def test_mislabelled_samples_and_old_ones_are_counted(self):
        run = started(self.CONFIG, after=4)
        clean, given = few_digits().train_labels, run.train_set.labels.numpy()
        first, second = run.rounds
        assert second.noise_ratio == sum(clean[i] != given[i] for i in second.indices) / 36
        assert 0 < second.noise_ratio < 1
        assert first.overlap is None
        assert second.overlap == len(set(first.indices) & set(second.indices)) / 36

    def test_losses_are_those_at_the_rounds_end(self):
        run = started(self.CONFIG.with_values(LOOKING), after=2)
        assert run.rounds[0].kl_drift is None
        recorded, chosen = run.round.recorded, run.round.coreset.indices
        next(epochs(run))
        found, model = run.rounds[0], run.model.eval()
        with torch.no_grad():
            logits, test = model(run.train_set.images), model(images("test"))
            val = model(images("val"))
        losses = functional.cross_entropy(logits, run.train_set.labels, reduction="none")
        wrong = torch.tensor(run.data.train_labels != run.data.clean_train)
        assert found.clean_loss == pytest.approx(losses[~wrong].mean().item(), rel=1e-5)
        assert found.noisy_loss == pytest.approx(losses[wrong].mean().item(), rel=1e-5)
        assert found.loss_ratio == found.noisy_loss / found.clean_loss
        gap = functional.cross_entropy(test, labels("test")).item()
        gap -= functional.cross_entropy(val, labels("val")).item()
        assert found.overfitting == pytest.approx(gap, rel=1e-4, abs=1e-6)
        then, now = recorded.log_softmax(1), logits[chosen].log_softmax(1)
        drift = (then.exp() * (then - now)).sum(1).mean().item()
        assert found.kl_drift == pytest.approx(drift, rel=1e-4)

    def test_without_noise_there_is_no_loss_on_it(self):
        run = started(tiny(LOOKING), after=6)
        assert {record.noise_ratio for record in run.rounds} == {0.0}
        assert {record.loss_ratio for record in run.rounds} == {None}

    def test_drift_is_known_without_preservation_too(self):
        run = started(tiny({**LOOKING, "preserve.weight": 0, "coreset.scorer": "random"}), after=6)
        assert all(record.kl_drift > 0 for record in run.rounds)
        assert run.ledger.recording == 0


@pytest.mark.parametrize("scorer", ["random", "gradmatch", "infobatch"])
@pytest.mark.parametrize("weight", [0, 0.1])
def test_looking_changes_neither_the_run_nor_its_bill(scorer, weight):
    config = tiny({"coreset.scorer": scorer, "preserve.weight": weight, "noise.rate": 0.2})
    plain = train(config, data=few_digits())
    looked = train(config.with_values(LOOKING), data=few_digits())
    assert same_bits(plain.state, looked.state)
    assert plain.flops == looked.flops == price(looked.config, few_digits()).to_dict()


def test_a_resumed_run_says_the_same_of_its_rounds(tmp_path):
    config = tiny({**LOOKING, "noise.rate": 0.3})
    whole = train(config, data=few_digits())
    run = started(config, after=4)
    again = started(config)
    again.load_state_dict(run.state_dict())
    for _ in epochs(again):
        pass
    assert tuple(again.rounds) == whole.rounds
    assert whole.double_losses == double_losses(whole.history, (1, 3, 5), 0.05)
    listed = whole.to_dict()["rounds"]
    assert [tuple(each["indices"]) for each in listed] == [each.indices for each in whole.rounds]
    assert json.loads(json.dumps(listed)) == listed


def images(part: str) -> torch.Tensor:
    return torch.as_tensor(getattr(few_digits(), f"{part}_images"))


def labels(part: str) -> torch.Tensor:
    return torch.as_tensor(getattr(few_digits(), f"{part}_labels"))
