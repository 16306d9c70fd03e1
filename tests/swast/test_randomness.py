"""Reproducibility of a training, and data that must not affect it."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch

from swast.coresets import SCORERS
from swast.run import Run
from tests.swast.support import (
    STEPS,
    TRAINING,
    copied,
    epochs,
    few_digits,
    global_generators,
    same_bits,
    started,
    tiny,
    train,
)

every_scorer = pytest.mark.parametrize("scorer", SCORERS)


def first_places(run: Run) -> torch.Tensor:
    """Return the positions of the next epoch's first step."""
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
        """Ray shares arrays in read-only memory."""
        data = copy.deepcopy(few_digits())
        for field in dataclasses.fields(data):
            if isinstance(getattr(data, field.name), np.ndarray):
                getattr(data, field.name).flags.writeable = False
        train(tiny({"noise.rate": 0.5}), data=data)
