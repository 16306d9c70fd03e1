"""craig, k-center and herding against naive greedy on explicit gradients and features."""

from __future__ import annotations

import pytest
import torch

from swast.config import CoresetConfig
from swast.coresets.base import Group
from swast.coresets.craig import CRAIG, Distances, facility_location
from swast.coresets.herding import herd
from swast.coresets.k_center import farthest_first
from swast.features import Features

SEEDS = range(6)


def sample(seed, size=40, classes=4, width=7):
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(size, width, generator=draw).relu()
    labels = torch.randint(classes, (size,), generator=draw)
    return Features(hidden, torch.randn(size, classes, generator=draw), labels)


def gradients(features):
    """Compute all g_i = e_i ⊗ [h_i, 1] explicitly."""
    errors, extended = features.errors.double(), features.extended.double()
    return torch.einsum("nc,ne->nce", errors, extended).flatten(1)


def apart(features):
    """Compute ‖g_i − g_j‖ directly, without the rounding of a matrix product."""
    explicit = gradients(features)
    return torch.cdist(explicit, explicit, compute_mode="donot_use_mm_for_euclid_dist")


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_are_those_of_explicit_gradients(seed):
    features = sample(seed)
    found = Distances(features.errors, features.hidden).columns(torch.arange(40))
    assert torch.allclose(found, apart(features), atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_lazy_facility_location_is_naive_greedy(seed):
    features = sample(seed)
    away = apart(features)
    chosen: list[int] = []
    for _ in range(9):
        cost = [
            away[:, [*chosen, j]].amin(dim=1).sum().item() if j not in chosen else float("inf")
            for j in range(40)
        ]
        chosen.append(min(range(40), key=lambda j: cost[j]))
    found, counts = facility_location(Distances(features.errors, features.hidden), 9)
    assert found.tolist() == chosen
    nearest = away[:, chosen].argmin(dim=1)
    assert counts.tolist() == nearest.bincount(minlength=9).tolist()


def test_craig_weights_count_every_sample_once():
    features = sample(1)
    groups = [Group(torch.arange(0, 30), 4), Group(torch.arange(30, 40), 3)]
    coreset = CRAIG.select(features, groups, torch.Generator(), CoresetConfig())
    counts = coreset.weights * 40 / coreset.weights.sum()
    assert torch.allclose(counts, counts.round(), atol=1e-4)
    assert counts[coreset.indices < 30].sum().item() == pytest.approx(30, abs=1e-3)


def test_every_sample_of_identical_gradients_can_be_chosen():
    same = Features(torch.ones(5, 3), torch.zeros(5, 2), torch.zeros(5, dtype=torch.long))
    found, counts = facility_location(Distances(same.errors, same.hidden), 5)
    assert sorted(found.tolist()) == list(range(5))
    assert counts.sum() == 5


@pytest.mark.parametrize("seed", SEEDS)
def test_k_center_is_naive_farthest_first(seed):
    rows = sample(seed).hidden.double()
    chosen = [int((rows - rows.mean(0)).norm(dim=1).argmin())]
    while len(chosen) < 12:
        nearest = torch.stack([(rows - rows[place]).norm(dim=1) for place in chosen]).amin(dim=0)
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    assert farthest_first(rows.float(), 12).tolist() == chosen


@pytest.mark.parametrize("seed", SEEDS)
def test_herding_is_naive_greedy_on_the_mean(seed):
    rows = sample(seed).hidden.double()
    chosen: list[int] = []
    while len(chosen) < 12:
        away = [
            (rows[[*chosen, j]].mean(0) - rows.mean(0)).norm().item()
            if j not in chosen
            else float("inf")
            for j in range(len(rows))
        ]
        chosen.append(min(range(len(rows)), key=lambda j: away[j]))
    assert herd(rows.float(), 12).tolist() == chosen
