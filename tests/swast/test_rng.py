"""Random streams: distinct by seed, purpose and index, and isolated from global state."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swast.rng import derive, generator, seeded
from tests.swast.support import global_generators

KEYS = st.tuples(
    st.integers(0, 2**63 - 1), st.sampled_from(["init", "order", "noise"]), st.integers(0, 300)
)

GENERATORS = ["torch", "numpy", "python"]


def draws(stream: torch.Generator) -> list[int]:
    return torch.randint(2**62, (4,), generator=stream).tolist()


def test_streams_differ_by_seed_by_purpose_and_by_index():
    keys = list(product([0, 1, 10, 101], ["init", "order", "noise"], [0, 1, 10, 101]))
    assert len({tuple(draws(generator(*key))) for key in keys}) == len(keys) == 48


@given(KEYS)
def test_a_stream_is_the_same_each_time(key):
    assert draws(generator(*key)) == draws(generator(*key))


@given(KEYS)
def test_a_derived_seed_fits_every_library(key):
    assert 0 <= derive(*key) < 2**63


def test_a_stream_leaves_the_global_generators_alone():
    before = global_generators()
    draws(generator(0, "order", 1))
    assert global_generators() == before


@pytest.mark.parametrize(
    "draw", [lambda: torch.rand(4).tolist(), np.random.random, random.random], ids=GENERATORS
)
def test_a_seeded_block_draws_the_same_whatever_came_before_and_restores_what_was_there(draw):
    def drawn() -> float | list[float]:
        with seeded(3, "init"):
            return draw()

    first = drawn()
    draw()
    before = global_generators()
    assert drawn() == first
    assert global_generators() == before


def test_a_seeded_block_restores_the_generator_after_an_error():
    before = global_generators()
    with pytest.raises(IndexError), seeded(3, "init"):
        _ = torch.rand(4)[4]
    assert global_generators() == before


def test_seeded_blocks_differ_by_their_index():
    drawn = set()
    for index in (0, 1, 2):
        with seeded(3, "forward", index, torch.device("cpu")):
            drawn.add(torch.rand(1).item())
    assert len(drawn) == 3


def test_a_seeded_block_does_not_reseed_the_generators_of_gpus(monkeypatch):
    """They are not restored afterwards, so they must not be changed."""
    reseeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    with seeded(3, "init"):
        torch.rand(4)
    assert reseeded == []
