"""magnitude: the largest unmasked weights are kept, and masked ones stay masked."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from swast.config import DistributionName
from swast.pruning import Masks, prunable_weights
from swast.pruning.base import Moment
from swast.pruning.distributions import layer_survivors, num_survivors
from swast.pruning.magnitude import MAGNITUDE

every_distribution = pytest.mark.parametrize("distribution", get_args(DistributionName))


def masked(seed: int = 0) -> Masks:
    draw = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 9), nn.Linear(9, 2, bias=False))
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=draw)
    return Masks(prunable_weights(model, "all"), torch.optim.SGD(model.parameters(), lr=0.1))


def prune(masks: Masks, sparsity: float, distribution: DistributionName) -> None:
    nothing = torch.empty(0)
    MAGNITUDE.prune(
        Moment(nn.Identity(), masks, sparsity, distribution, torch.Generator(), nothing, nothing)
    )


def living(masks: Masks) -> dict[str, torch.Tensor]:
    return {name: masks.alive(name).clone() for name in masks.weights}


@every_distribution
@given(st.integers(0, 99), st.lists(st.floats(0, 0.99), min_size=1, max_size=4).map(sorted))
def test_every_step_of_a_growing_sparsity_is_exact(distribution, seed, sparsities):
    masks = masked(seed)
    for sparsity in sparsities:
        prune(masks, sparsity, distribution)
        assert sum(masks.survivors().values()) == num_survivors(72, sparsity)


@every_distribution
@given(st.integers(0, 99), st.floats(0, 0.99), st.floats(0, 0.99))
def test_what_is_pruned_stays_pruned(distribution, seed, one, other):
    masks = masked(seed)
    low, high = sorted([one, other])
    prune(masks, low, distribution)
    before = living(masks)
    prune(masks, high, distribution)
    assert all(not (masks.alive(name) & ~before[name]).any() for name in before)


@given(st.integers(0, 99), st.floats(0, 0.99))
def test_a_global_cut_keeps_the_largest_of_all_layers_together(seed, sparsity):
    masks = masked(seed)
    sizes = torch.cat([weight.detach().abs().flatten() for weight in masks.weights.values()])
    prune(masks, sparsity, "global")
    kept = torch.cat([masks.alive(name).flatten() for name in masks.weights])
    expected = sizes.sort(descending=True).values[: num_survivors(72, sparsity)]
    assert torch.equal(sizes[kept].sort(descending=True).values, expected)


@pytest.mark.parametrize("distribution", ["uniform", "erk"])
@given(seed=st.integers(0, 99), sparsity=st.floats(0, 0.99))
def test_a_cut_by_layer_keeps_the_largest_of_each(distribution, seed, sparsity):
    masks = masked(seed)
    sizes = {name: weight.detach().abs() for name, weight in masks.weights.items()}
    counts = layer_survivors(masks.shapes, sparsity, distribution)
    prune(masks, sparsity, distribution)
    for name, size in sizes.items():
        expected = size.flatten().sort(descending=True).values[: counts[name]]
        assert torch.equal(size[masks.alive(name)].sort(descending=True).values, expected)


@every_distribution
def test_living_zeros_outlive_the_dead(distribution):
    """A weight just grown by RigL is 0, like masked ones, but must rank as unmasked."""
    masks = masked()
    prune(masks, 0.5, distribution)
    before = living(masks)
    with torch.no_grad():
        for weight in masks.weights.values():
            weight.zero_()
    prune(masks, 0.5, distribution)
    assert all(torch.equal(masks.alive(name), before[name]) for name in before)
