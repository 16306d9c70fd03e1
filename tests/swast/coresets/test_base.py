"""Coreset sizes, quotas and groups are exact for any class sizes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swast.coresets import Coreset, Group, GroupSize, coreset_size, group_sizes, make_groups
from swast.coresets.base import keep_lowest
from tests import reference

COUNTS = st.lists(st.integers(0, 60), min_size=2, max_size=12).filter(any)


@pytest.mark.parametrize(
    ("samples", "fraction", "size"),
    [(1149, 0.05, 57), (10, 0.25, 3), (10, 0.249, 2), (10, 1.0, 10), (10, 0.001, 1), (1, 0.5, 1)],
)
def test_the_size_is_the_share_rounded_half_up_and_at_least_one(samples, fraction, size):
    assert coreset_size(samples, fraction) == size


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_min=True))
def test_a_coreset_is_never_larger_than_the_data(samples, fraction):
    assert 1 <= coreset_size(samples, fraction) <= samples


@given(COUNTS, st.data())
def test_quotas_are_those_of_largest_remainder(counts, data):
    size = data.draw(st.integers(1, sum(counts)))
    groups = group_sizes(counts, size, balanced=True)
    quotas = [group.quota for group in groups]
    assert quotas == reference.class_quotas(counts, size)
    assert [group.size for group in groups] == counts
    assert sum(quotas) == size
    assert all(0 <= quota <= count for quota, count in zip(quotas, counts, strict=True))


def test_quotas_stay_exact_beyond_the_precision_of_floats():
    counts = [10**17 + 3, 10**17 - 3]
    quotas = [group.quota for group in group_sizes(counts, 10**17, balanced=True)]
    assert quotas == [5 * 10**16 + 2, 5 * 10**16 - 2] == reference.class_quotas(counts, 10**17)


def test_a_tie_goes_to_the_lower_label():
    assert [group.quota for group in group_sizes([5, 5, 5], 4, balanced=True)] == [2, 1, 1]


@given(COUNTS)
def test_an_unbalanced_coreset_has_one_group_of_all(counts):
    assert group_sizes(counts, 1, balanced=False) == [GroupSize(sum(counts), 1)]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.booleans())
def test_groups_part_the_samples_by_class_or_not_at_all(labels, balanced):
    counts = [labels.count(label) for label in range(5)]
    sizes = group_sizes(counts, len(labels), balanced=balanced)
    groups = make_groups(torch.tensor(labels), sizes)
    assert [(len(g.indices), g.quota) for g in groups] == [(s.size, s.quota) for s in sizes]
    assert sorted(torch.cat([g.indices for g in groups]).tolist()) == list(range(len(labels)))
    if balanced:
        assert [[labels[i] for i in g.indices] for g in groups] == [
            [label] * count for label, count in enumerate(counts)
        ]


def test_the_lowest_scores_are_kept_and_ties_go_to_the_lower_index():
    scores = torch.tensor([2.0, 1, 1, 1, 0, 5])
    groups = [Group(torch.tensor([0, 1, 2, 3]), 2), Group(torch.tensor([4, 5]), 1)]
    assert keep_lowest(scores, groups).indices.tolist() == [1, 2, 4]


def test_a_coreset_sorts_its_samples_with_their_weights_and_scales_them_to_mean_1():
    coreset = Coreset.of(torch.tensor([7, 2, 5]), torch.tensor([1.0, 2.0, 6.0]).double())
    assert coreset.indices.tolist() == [2, 5, 7]
    torch.testing.assert_close(coreset.weights, torch.tensor([2.0, 6.0, 1.0]) / 3)
    assert len(coreset) == 3


def test_a_coreset_without_weights_weighs_all_alike():
    assert Coreset.of(torch.tensor([3, 1])).weights.tolist() == [1.0, 1.0]
