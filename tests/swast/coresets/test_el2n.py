"""el2n: the norm of a sample's own gradient, largest kept."""

from __future__ import annotations

import torch
from torch.nn import functional

from swast.config import CoresetConfig
from swast.coresets import make_groups
from swast.coresets.base import GroupSize
from swast.coresets.el2n import EL2N, scores
from swast.features import Features


def features(seed: int) -> Features:
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(24, 5, generator=draw)
    return Features(torch.zeros(24, 1), logits, torch.randint(5, (24,), generator=draw))


def norms_by_autograd(given: Features) -> torch.Tensor:
    """Compute ‖∂CE_i/∂z_i‖, one sample at a time."""
    norms = []
    for logits, label in zip(given.logits, given.labels, strict=True):
        leaf = logits.double().requires_grad_()
        functional.cross_entropy(leaf, label).backward()
        norms.append(leaf.grad.norm())
    return torch.stack(norms)


def test_scores_are_the_norms_of_per_sample_gradients_in_the_logits():
    for seed in range(5):
        given = features(seed)
        torch.testing.assert_close(scores(given).double(), norms_by_autograd(given))


def test_the_hardest_samples_are_kept():
    given = features(0)
    chosen = EL2N.select(
        given, make_groups(given.labels, [GroupSize(24, 7)]), torch.Generator(), CoresetConfig()
    )
    assert chosen.indices.tolist() == sorted(
        norms_by_autograd(given).argsort(descending=True)[:7].tolist()
    )


def test_the_hardest_of_each_class_are_kept_where_balanced():
    given = features(1)
    counts = torch.bincount(given.labels, minlength=5).tolist()
    groups = make_groups(given.labels, [GroupSize(count, 1) for count in counts])
    norms = norms_by_autograd(given)
    hardest = [
        max((i for i in range(24) if given.labels[i] == label), key=lambda i: norms[i])
        for label in range(5)
    ]
    assert EL2N.select(
        given, groups, torch.Generator(), CoresetConfig()
    ).indices.tolist() == sorted(hardest)


def test_a_wrong_label_scores_above_a_right_one():
    logits = torch.tensor([[4.0, 0, 0], [4.0, 0, 0]])
    right, wrong = scores(Features(torch.zeros(2, 1), logits, torch.tensor([0, 1]))).tolist()
    assert wrong > 1 > right
