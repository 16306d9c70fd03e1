"""Layer-wise counts: exact in total, and in the paper's proportions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swast.models import build_model
from swast.pruning import prunable_weights
from swast.pruning.distributions import erk_densities, layer_survivors, num_survivors
from tests import reference
from tests.swast.support import SMALL

SHAPES = st.lists(
    st.lists(st.integers(1, 40), min_size=2, max_size=2)
    | st.tuples(*[st.integers(1, 12)] * 2, *[st.sampled_from([1, 3, 5])] * 2).map(list),
    min_size=1,
    max_size=6,
).map(lambda shapes: {str(place): tuple(shape) for place, shape in enumerate(shapes)})
SPARSITIES = st.sampled_from([0.0, 0.5, 0.9, 0.999]) | st.floats(0, 0.999)
every_distribution = pytest.mark.parametrize("distribution", ["uniform", "erk"])


def sizes(shapes) -> dict[str, int]:
    return {name: math.prod(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("weights", "sparsity", "left"),
    [(10, 0, 10), (10, 0.9, 1), (10, 0.25, 7), (10, 0.249, 8), (29808, 0.9, 2981), (3, 0.999, 1)],
)
def test_the_pruned_share_is_rounded_half_up_and_one_weight_always_lives(weights, sparsity, left):
    assert num_survivors(weights, sparsity) == left


@every_distribution
@given(SHAPES, SPARSITIES)
def test_the_counts_sum_to_the_survivors_of_the_whole(distribution, shapes, sparsity):
    counts = layer_survivors(shapes, sparsity, distribution)
    assert sum(counts.values()) == num_survivors(sum(sizes(shapes).values()), sparsity)


@every_distribution
@given(SHAPES, SPARSITIES)
def test_each_layer_keeps_from_none_to_all_of_its_weights(distribution, shapes, sparsity):
    counts = layer_survivors(shapes, sparsity, distribution)
    assert list(counts) == list(shapes)
    assert all(0 <= counts[name] <= size for name, size in sizes(shapes).items())


@every_distribution
@given(SHAPES)
def test_nothing_is_pruned_at_sparsity_0(distribution, shapes):
    assert layer_survivors(shapes, 0, distribution) == sizes(shapes)


@given(SHAPES, SPARSITIES)
def test_uniform_counts_are_within_one_of_each_layers_share(shapes, sparsity):
    counts = layer_survivors(shapes, sparsity, "uniform")
    total = sum(sizes(shapes).values())
    density = num_survivors(total, sparsity) / total
    for name, size in sizes(shapes).items():
        assert abs(counts[name] - density * size) <= 1 + 1e-9


@given(SHAPES, SPARSITIES)
def test_erk_counts_are_within_one_of_each_layers_share(shapes, sparsity):
    counts = layer_survivors(shapes, sparsity, "erk")
    total = sum(sizes(shapes).values())
    densities = reference.erk_densities(shapes, num_survivors(total, sparsity) / total)
    for name, size in sizes(shapes).items():
        assert abs(counts[name] - densities[name] * size) <= 1 + 1e-6 * size


@given(SHAPES, st.floats(0.001, 1))
def test_erk_densities_are_those_found_by_bisection(shapes, density):
    assert erk_densities(shapes, density) == pytest.approx(
        reference.erk_densities(shapes, density), rel=1e-9
    )


@given(SHAPES, st.floats(0.001, 1))
def test_erk_densities_below_1_are_as_sum_over_product(shapes, density):
    ratios = [
        found / (sum(shapes[name]) / math.prod(shapes[name]))
        for name, found in erk_densities(shapes, density).items()
        if found < 1
    ]
    assert ratios == pytest.approx(ratios[:1] * len(ratios), rel=1e-9)


def test_a_worked_erk_example():
    """Sizes 100 and 1,000; Σ/Π 0.2 and 0.11; ε·(20 + 110) = 0.1 · 1,100."""
    shapes = {"small": (10, 10), "large": (100, 10)}
    scale = 110 / 130
    assert erk_densities(shapes, 0.1) == pytest.approx(
        {"small": 0.2 * scale, "large": 0.11 * scale}
    )
    assert layer_survivors(shapes, 0.9, "erk") == {"small": 17, "large": 93}


def test_a_layer_that_would_exceed_1_stays_dense_and_the_others_share_the_rest():
    """The first layer's ratio is 2 of 1; at density 0.5 the second keeps 50.5 − 1 of 100."""
    assert erk_densities({"tiny": (1, 1), "large": (10, 10)}, 0.5) == pytest.approx(
        {"tiny": 1.0, "large": 0.495}
    )


@pytest.mark.parametrize("name", SMALL)
def test_erk_keeps_the_small_layers_of_a_network_denser(name):
    weights = prunable_weights(build_model(name, (1, 8, 8), 10, 0), "all")
    shapes = {layer: tuple(weight.shape) for layer, weight in weights.items()}
    counts = layer_survivors(shapes, 0.9, "erk")
    by_size = sorted(shapes, key=lambda layer: sum(shapes[layer]) / math.prod(shapes[layer]))
    densities = [counts[layer] / math.prod(shapes[layer]) for layer in by_size]
    assert densities == sorted(densities)
    assert densities[0] < 0.1 < densities[-1]
