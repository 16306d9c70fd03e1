"""The price of a search, from the prices of its trainings."""

from __future__ import annotations

import math
import statistics

import pytest

from search.pricing import SAMPLES, price_search
from search.sampler import sample
from swast.data import load_data
from swast.forecast import dense_flops, predict
from tests.search.support import BARE, TINY, study


@pytest.fixture(scope="module")
def data():
    return load_data("digits")


@pytest.fixture(scope="module")
def drawn(data):
    """Prices of the drawn configurations, each as the trainer predicts it."""
    return [predict(config, data).total for config in sample(study(), SAMPLES, seed=3)]


@pytest.fixture(scope="module")
def found(data):
    return price_search(study(), data, budget=10, seed=3)


def test_references_cost_what_the_trainer_says(data, found):
    assert found.references == {
        name: predict(config, data).total for name, config in study().references.items()
    }
    assert list(found.references) == ["small", "dense"]


def test_training_dense_on_all_data_costs_the_dense_price(data, found):
    fixed = study().fixed
    samples = data.num_train * fixed.epochs
    weights = 64 * 256 + 256 * 128 + 128 * 10
    assert found.dense == found.references["dense"] == 3 * 2 * weights * samples
    assert found.dense == dense_flops(fixed, data)


@pytest.mark.parametrize("budget", [1, 3, 50])
def test_a_search_costs_its_references_and_the_mean_for_all_others(data, drawn, budget):
    """Of a budget below the number of references, only the first ones run."""
    found = price_search(study(), data, budget, seed=3)
    first = list(found.references.values())[:budget]
    others = max(budget - 2, 0) * math.fsum(drawn) / SAMPLES
    assert found.expected == pytest.approx(sum(first) + others, rel=1e-12)


def test_least_median_and_most_are_of_what_was_drawn(found, drawn):
    assert (found.least, found.most) == (min(drawn), max(drawn))
    assert found.median == statistics.median(drawn)
    assert found.least < found.median < found.most
    assert found.least <= found.expected / 10 <= found.most


def test_a_search_without_references_costs_the_mean_of_all(data):
    found = price_search(study(BARE), data, budget=4, seed=3)
    assert found.references == {}
    assert found.least <= found.expected / 4 <= found.most


def test_the_same_seed_gives_the_same_price(data, found):
    assert price_search(study(TINY), data, 10, seed=3) == found
    assert price_search(study(TINY), data, 10, seed=4) != found
