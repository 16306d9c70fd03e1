"""Preservation loss: direction of KL, constant targets, and relative weights."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from swast.preservation import preservation_loss, weighted_cross_entropy

SEEDS = st.integers(0, 2**31)


def normal(seed: int, *shape: int, scale: float = 2.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def explicit_kl(logits: torch.Tensor, recorded: torch.Tensor) -> float:
    """Compute Σ_i Σ_c p_ic · log(p_ic / q_ic), p recorded and q current."""
    p, q = recorded.softmax(1).tolist(), logits.softmax(1).tolist()
    return sum(
        a * math.log(a / b)
        for row, other in zip(p, q, strict=True)
        for a, b in zip(row, other, strict=True)
    )


@given(SEEDS, st.integers(1, 9), st.integers(2, 6))
def test_it_is_the_divergence_of_now_from_what_was_recorded(seed, batch, classes):
    logits, recorded = normal(seed, batch, classes), normal(seed + 1, batch, classes)
    whole = explicit_kl(logits, recorded)
    assert preservation_loss(logits, recorded, "sum").item() == pytest.approx(whole, rel=1e-9)
    mean = preservation_loss(logits, recorded, "mean").item()
    assert mean == pytest.approx(whole / batch, rel=1e-9)


def test_a_worked_example():
    """KL((¾, ¼) ‖ (½, ½)) = ¾ ln 1.5 + ¼ ln 0.5; the reverse is ½ ln 4/3."""
    logits, recorded = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])
    found = preservation_loss(logits, recorded, "mean").item()
    assert found == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), rel=1e-6)
    assert found != pytest.approx(0.5 * math.log(4 / 3), rel=1e-2)


@given(SEEDS)
def test_it_is_nothing_where_the_network_says_the_same_and_positive_elsewhere(seed):
    logits = normal(seed, 4, 3)
    assert preservation_loss(logits + 5, logits, "mean").item() == pytest.approx(0, abs=1e-12)
    assert preservation_loss(logits, logits.roll(1, 1), "mean").item() > 0


@given(SEEDS)
def test_its_gradient_is_what_the_network_says_minus_what_was_recorded(seed):
    logits, recorded = normal(seed, 5, 4).requires_grad_(), normal(seed + 1, 5, 4)
    preservation_loss(logits, recorded, "sum").backward()
    torch.testing.assert_close(logits.grad, logits.detach().softmax(1) - recorded.softmax(1))


def test_no_gradient_flows_into_what_was_recorded():
    logits, recorded = normal(0, 3, 4).requires_grad_(), normal(1, 3, 4).requires_grad_()
    preservation_loss(logits, recorded, "mean").backward()
    assert recorded.grad is None
    assert logits.grad.abs().sum() > 0


def test_it_stays_finite_where_probabilities_vanish():
    logits, recorded = torch.tensor([[0.0, 3e4]]), torch.tensor([[3e4, 0.0]])
    assert preservation_loss(logits, recorded, "mean").item() == pytest.approx(3e4)
    assert preservation_loss(recorded, recorded, "mean").item() == 0


@given(SEEDS)
def test_cross_entropy_is_the_weighted_mean(seed):
    logits, weights = normal(seed, 6, 3), normal(seed + 1, 6).abs() + 0.01
    labels = torch.arange(6) % 3
    terms = [-math.log(row[y]) for row, y in zip(logits.softmax(1).tolist(), labels, strict=True)]
    expected = sum(w * t for w, t in zip(weights.tolist(), terms, strict=True)) / sum(weights)
    found = weighted_cross_entropy(logits, labels, weights)
    assert found.item() == pytest.approx(float(expected), rel=1e-9)


@given(SEEDS, st.floats(1e-3, 1e3))
def test_only_the_ratios_of_the_weights_matter(seed, scale):
    logits, weights, labels = normal(seed, 6, 3), normal(seed + 1, 6).abs(), torch.arange(6) % 3
    torch.testing.assert_close(
        weighted_cross_entropy(logits, labels, scale * weights),
        weighted_cross_entropy(logits, labels, weights),
    )


@given(SEEDS, st.floats(0, 0.99))
def test_smoothing_is_cross_entropy_against_softened_targets(seed, smoothing):
    logits, weights, labels = normal(seed, 6, 3), normal(seed + 1, 6).abs(), torch.arange(6) % 3
    targets = (1 - smoothing) * functional.one_hot(labels, 3) + smoothing / 3
    losses = -(targets * logits.log_softmax(1)).sum(1)
    torch.testing.assert_close(
        weighted_cross_entropy(logits, labels, weights, smoothing=smoothing),
        (weights * losses).sum() / weights.sum(),
    )


def test_equal_weights_give_the_plain_mean_and_a_zero_weight_leaves_a_sample_out():
    logits, labels = normal(0, 4, 3), torch.tensor([0, 1, 2, 0])
    plain = functional.cross_entropy(logits, labels)
    torch.testing.assert_close(
        weighted_cross_entropy(logits, labels, torch.full((4,), 3.0).double()), plain
    )
    weights = torch.tensor([1.0, 0, 1, 0]).double()
    torch.testing.assert_close(
        weighted_cross_entropy(logits, labels, weights),
        functional.cross_entropy(logits[::2], labels[::2]),
    )
