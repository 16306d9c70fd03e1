"""moderate: samples at a median distance from their class centre are kept."""

from __future__ import annotations

import pytest
import torch

from swast.config import CoresetConfig
from swast.coresets import group_sizes, make_groups
from swast.coresets.moderate import MODERATE, distances
from swast.features import Features
from tests import reference


def features(seed: int, samples: int = 60) -> Features:
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(samples, 4, generator=draw).relu()
    return Features(hidden, torch.zeros(samples, 3), torch.randint(3, (samples,), generator=draw))


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_the_choice_is_that_of_the_plain_loop(seed, balanced):
    given = features(seed)
    counts = torch.bincount(given.labels, minlength=3).tolist()
    groups = make_groups(given.labels, group_sizes(counts, 20, balanced=balanced))
    expected = reference.nearest_median(
        given.hidden.numpy(),
        given.labels.tolist(),
        [(group.indices.tolist(), group.quota) for group in groups],
    )
    assert (
        MODERATE.select(given, groups, torch.Generator(), CoresetConfig()).indices.tolist()
        == expected
    )


def test_distances_are_to_the_mean_of_the_own_class():
    hidden = torch.tensor([[0.0, 0], [2, 0], [10, 0], [10, 8]])
    given = Features(hidden, torch.zeros(4, 2), torch.tensor([0, 0, 1, 1]))
    assert distances(given).tolist() == [1, 1, 4, 4]


def test_both_ends_of_the_distances_are_left_out():
    """Nine samples on a line at ±0, 1, 2, 4 …: the median distance is kept, the ends are not."""
    places = torch.tensor([-9.0, -5, -3, -1, 0, 1, 3, 5, 9])
    given = Features(places[:, None], torch.zeros(9, 2), torch.zeros(9, dtype=torch.long))
    groups = make_groups(given.labels, group_sizes([9], 2, balanced=False))
    chosen = MODERATE.select(given, groups, torch.Generator(), CoresetConfig()).indices
    assert places[chosen].abs().tolist() == [3, 3]
