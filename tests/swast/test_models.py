"""The networks: their shapes, and an initialisation that hangs on the seed alone."""

from __future__ import annotations

import pytest
import torch

from swast.errors import ConfigError
from swast.models import MODELS, build_model
from swast.models.cnn_small import cnn_small
from tests.swast.support import global_generators, same_bits


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 6)])
def test_a_network_gives_a_logit_a_class(name, shape):
    assert build_model(name, shape, 7, 0)(torch.zeros(5, *shape)).shape == (5, 7)


@pytest.mark.parametrize("name", MODELS)
def test_initial_weights_follow_from_the_seed_alone(name):
    first = build_model(name, (1, 8, 8), 10, 4).state_dict()
    torch.rand(3)
    before = global_generators()
    assert same_bits(build_model(name, (1, 8, 8), 10, 4).state_dict(), first)
    assert not same_bits(build_model(name, (1, 8, 8), 10, 5).state_dict(), first)
    assert global_generators() == before


def test_a_convolution_refuses_images_too_small_for_it():
    with pytest.raises(ConfigError, match=r"2 × 2 or more, got \(1, 1, 8\)"):
        cnn_small((1, 1, 8), 10)
