"""The digits data, their split, and label noise in the training labels only."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from swast.config import NoiseConfig, setting_paths
from swast.data import add_noise, load_data
from swast.data.noise import NOISES, pair_flip, symmetric
from swast.errors import DataError
from swast.run import Run
from tests.swast.support import digits, few_digits, global_generators, tiny

PARTS = ("train", "val", "test")


def images(part: str) -> np.ndarray:
    return getattr(digits(), f"{part}_images")


def labels(part: str) -> np.ndarray:
    return getattr(digits(), f"{part}_labels")


class TestDigits:
    def test_the_parts_have_the_sizes_that_are_documented(self):
        assert [len(images(part)) for part in PARTS] == [1149, 288, 360]
        assert [len(labels(part)) for part in PARTS] == [1149, 288, 360]

    def test_the_parts_hold_every_digit_of_scikit_learn_once(self):
        """Each image is converted back to the grey levels 0 to 16, and compared with its label."""
        scaled = np.concatenate([images(part) for part in PARTS]).reshape(1797, 64)
        grey = np.rint(16 * (scaled - scaled.min()) / np.ptp(scaled)).astype(int)
        found = np.column_stack([grey, np.concatenate([labels(part) for part in PARTS])])
        whole = np.column_stack([load_digits().data.astype(int), load_digits().target])
        assert sorted(map(tuple, found)) == sorted(map(tuple, whole))

    def test_the_parts_are_stratified(self):
        everywhere = np.bincount(load_digits().target) / 1797
        for part in PARTS:
            shares = np.bincount(labels(part)) / len(labels(part))
            assert np.abs(shares - everywhere).max() < 1 / len(labels(part))

    def test_pixels_are_normalised_by_the_training_part(self):
        assert abs(images("train").mean()) < 1e-6
        assert abs(images("train").std() - 1) < 1e-6
        assert abs(images("test").mean()) > 1e-6

    def test_arrays_have_the_promised_types_and_shapes(self):
        data = digits()
        assert data.input_shape == (1, 8, 8)
        assert {images(part).dtype for part in PARTS} == {np.dtype(np.float32)}
        assert {labels(part).dtype for part in PARTS} == {np.dtype(np.int64)}
        assert data.class_counts == np.bincount(labels("train")).tolist()
        assert sum(data.class_counts) == data.num_train == 1149

    def test_loading_again_gives_the_same_and_draws_nothing_global(self):
        before = global_generators()
        again = load_data("digits")
        assert global_generators() == before
        for field in dataclasses.fields(again):
            assert np.array_equal(getattr(again, field.name), getattr(digits(), field.name))

    def test_without_scikit_learn_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
        with pytest.raises(DataError, match="pip install scikit-learn"):
            load_data("digits")

    @pytest.mark.parametrize("seed", [0, 1, 7])
    def test_the_split_is_the_same_whatever_the_seed(self, seed):
        run = Run(tiny(seed=seed), digits())
        assert np.array_equal(run.train_set.images, images("train"))
        assert np.array_equal(run.val_set.images, images("val"))


class TestNoise:
    def test_every_kind_that_can_be_asked_for_is_there(self):
        assert setting_paths()["noise.kind"][0].names == tuple(NOISES)

    @pytest.mark.parametrize("inject", NOISES.values(), ids=NOISES)
    @given(st.integers(0, 400), st.integers(2, 12), st.floats(0, 1), st.integers(0, 99))
    def test_exactly_the_share_is_replaced_and_never_by_the_clean_label(
        self, inject, size, classes, rate, seed
    ):
        clean = np.arange(size) % classes
        noisy = inject(clean, classes, rate, seed)
        assert abs((noisy != clean).sum() - rate * size) <= 0.5
        assert ((noisy >= 0) & (noisy < classes)).all()
        assert noisy.dtype == clean.dtype

    @given(st.integers(2, 12), st.floats(0, 1), st.integers(0, 99))
    def test_a_pair_flip_takes_each_class_for_the_next_and_the_last_for_the_first(
        self, classes, rate, seed
    ):
        clean = np.arange(200) % classes
        noisy = pair_flip(clean, classes, rate, seed)
        changed = noisy != clean
        assert (noisy[changed] == (clean[changed] + 1) % classes).all()
        assert np.array_equal(changed, symmetric(clean, classes, rate, seed) != clean)

    def test_every_label_can_be_replaced(self):
        clean = few_digits().train_labels
        assert (symmetric(clean, 10, 1.0, 0) != clean).all()

    def test_every_other_class_comes_about_equally_often(self):
        """With 20,000 draws of 9 classes, a count's standard deviation is 44."""
        noisy = symmetric(np.full(20_000, 3), 10, 1.0, seed=0)
        counts = np.bincount(noisy, minlength=10)
        assert counts[3] == 0
        assert np.abs(np.delete(counts, 3) - 20_000 / 9).max() < 5 * 44

    def test_one_seed_gives_one_noise(self):
        clean = few_digits().train_labels
        same = symmetric(clean, 10, 0.4, seed=5)
        assert np.array_equal(same, symmetric(clean, 10, 0.4, seed=5))
        assert not np.array_equal(same, symmetric(clean, 10, 0.4, seed=6))

    def test_only_the_training_labels_change(self):
        data = few_digits()
        noisy = add_noise(data, NoiseConfig(rate=0.5), seed=0)
        changed = {
            field.name
            for field in dataclasses.fields(data)
            if not np.array_equal(getattr(data, field.name), getattr(noisy, field.name))
        }
        assert changed == {"train_labels"}
        assert (noisy.clean_train != noisy.train_labels).sum() == 60

    def test_the_clean_data_are_not_written_to(self):
        data = few_digits()
        before = data.train_labels.copy()
        add_noise(data, NoiseConfig(rate=1.0), seed=0)
        assert np.array_equal(data.train_labels, before)

    def test_a_run_trains_on_the_noisy_labels_and_is_judged_by_clean_ones(self):
        data = few_digits()
        run = Run(tiny({"noise.rate": 0.5}, seed=3), data)
        assert np.array_equal(run.train_set.labels, symmetric(data.train_labels, 10, 0.5, 3))
        assert np.array_equal(run.val_set.labels, data.val_labels)

    def test_a_run_takes_the_kind_that_is_configured(self):
        data = few_digits()
        run = Run(tiny({"noise.rate": 0.5, "noise.kind": "pair-flip"}, seed=3), data)
        assert np.array_equal(run.train_set.labels, pair_flip(data.train_labels, 10, 0.5, 3))
