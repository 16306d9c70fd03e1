"""Tests of subsets: the requested size, every class in its share, the same samples every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.subsets import WHOLE, Subset, stratified, take
from tests.swast.support import digits


@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.floats(0, 1), st.integers(0, 99))
def test_every_class_gets_its_share_to_within_one_sample(counts, share, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    size = round(share * len(labels))
    chosen = stratified(labels, size, seed)
    assert len(set(chosen.tolist())) == len(chosen) == size
    found = np.bincount(labels[chosen], minlength=len(counts))
    assert np.all(np.abs(found - np.array(counts) * size / len(labels)) < 1)


def test_images_and_labels_stay_together():
    data = digits()
    small = take(data, Subset(train=200, val=50, test=60))
    assert (small.num_train, len(small.val_labels), len(small.test_labels)) == (200, 50, 60)
    pairs = zip(data.train_images, data.train_labels, strict=True)
    places = {image.tobytes(): label for image, label in pairs}
    assert all(
        places[image.tobytes()] == label
        for image, label in zip(small.train_images, small.train_labels, strict=True)
    )
    assert np.array_equal(small.clean_train, small.train_labels)


def test_the_same_seed_draws_the_same_samples_and_another_seed_others():
    labels = digits().train_labels
    assert np.array_equal(stratified(labels, 100, 3), stratified(labels, 100, 3))
    assert not np.array_equal(stratified(labels, 100, 3), stratified(labels, 100, 4))


def test_a_part_without_a_size_stays_whole_and_too_large_a_size_is_refused():
    assert np.array_equal(take(digits(), WHOLE).train_images, digits().train_images)
    with pytest.raises(ValueError, match="the val part holds 288 samples, not 289"):
        take(digits(), Subset(val=289))
