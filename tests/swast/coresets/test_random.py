"""random: a uniform draw, anew every round."""

from __future__ import annotations

import torch

from swast.config import CoresetConfig
from swast.coresets import group_sizes, make_groups
from swast.coresets.random import RANDOM
from swast.features import Features
from swast.rng import generator


def draw(index: int) -> list[int]:
    labels = torch.arange(40) % 4
    groups = make_groups(labels, group_sizes([10] * 4, 12, balanced=True))
    empty = torch.empty(40, 0)
    stream = generator(0, "selection", index)
    return RANDOM.select(
        Features(empty, empty, labels), groups, stream, CoresetConfig()
    ).indices.tolist()


def test_every_round_draws_anew():
    assert len({tuple(draw(index)) for index in range(20)}) == 20


def test_every_sample_is_drawn_about_equally_often():
    """With 3 of 10 per class, counts in 1,000 draws have mean 300, standard deviation 14.5."""
    counts = torch.zeros(40)
    for index in range(1000):
        counts[draw(index)] += 1
    assert (counts - 300).abs().max() < 5 * 14.5
