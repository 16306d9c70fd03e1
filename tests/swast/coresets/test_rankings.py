"""Rankings: each score against its definition, and the end that is kept."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from swast.config import CoresetConfig
from swast.coresets import entropy, grand, least_confidence, loss, margin
from swast.coresets.base import Group, keep_ranked
from swast.features import Features


@pytest.fixture
def features():
    draw = torch.Generator().manual_seed(3)
    hidden = torch.randn(20, 6, generator=draw)
    return Features(hidden, torch.randn(20, 4, generator=draw), torch.arange(20) % 4)


def test_grand_is_the_norm_of_autograds_gradient_of_the_last_layer(features):
    layer = nn.Linear(6, 4)
    given = Features(features.hidden, layer(features.hidden).detach(), features.labels)
    for row, score in enumerate(grand.scores(given).tolist()):
        layer.zero_grad()
        logits = layer(features.hidden[row : row + 1])
        functional.cross_entropy(logits, features.labels[row : row + 1]).backward()
        norm = math.hypot(layer.weight.grad.norm().item(), layer.bias.grad.norm().item())
        assert score == pytest.approx(norm, rel=1e-5)


def test_uncertainties_follow_their_definitions(features):
    for row, probabilities in enumerate(features.logits.softmax(dim=1).tolist()):
        first, second = sorted(probabilities, reverse=True)[:2]
        expected = -sum(p * math.log(p) for p in probabilities)
        assert entropy.scores(features)[row].item() == pytest.approx(expected, rel=1e-5)
        assert margin.scores(features)[row].item() == pytest.approx(second - first, abs=1e-6)
        assert least_confidence.scores(features)[row].item() == pytest.approx(1 - first, rel=1e-5)
        true = -math.log(probabilities[features.labels[row]])
        assert loss.scores(features)[row].item() == pytest.approx(true, rel=1e-5)


def test_the_most_uncertain_samples_are_kept():
    logits = torch.tensor([[9.0, 0.0], [0.1, 0.0], [5.0, 0.0], [0.2, 0.0]])
    unsure = Features(torch.zeros(4, 1), logits, torch.zeros(4, dtype=torch.long))
    for module in (entropy, margin, least_confidence):
        kept = keep_ranked(module.scores(unsure), [Group(torch.arange(4), 2)], CoresetConfig())
        assert kept.indices.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, [5, 6, 7]),
        ({"direction": "easy"}, [0, 1, 2]),
        ({"drop_top": 0.25}, [3, 4, 5]),
        ({"drop_top": 0.99}, [0, 1, 2]),
    ],
)
def test_direction_and_drop_top_say_which_end_is_kept(changes, kept):
    found = keep_ranked(torch.arange(8.0), [Group(torch.arange(8), 3)], CoresetConfig(**changes))
    assert found.indices.tolist() == kept
