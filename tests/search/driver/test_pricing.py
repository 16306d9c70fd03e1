"""Price of a search, from the prices of its trainings; its time, from a calibration."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import ClassVar

import pytest

from search.driver import pricing
from search.driver.dry_run import lines_of
from search.driver.prices import SAMPLES
from search.driver.pricing import (
    Pace,
    after_halving,
    foresee_search,
    measure_of,
    price_search,
)
from search.objectives import TRAIN_FLOPS
from search.samplers.parameters import sample
from search.study.study_file import parse_study
from search.study.tables import HalvingConfig
from swast.calibration import Speed
from swast.data import load_data
from swast.errors import ConfigError
from swast.forecast import Forecast, dense_flops, predict
from tests.search.support import BARE, TINY, study

HALVED = TINY.replace("[space]", "[halving]\ngrace = 1\nreduction = 2\n\n[space]", 1)
SAMPLES_SEEN = replace(
    TRAIN_FLOPS,
    noun="training samples",
    absolute_unit="samples",
    price=lambda forecast: forecast.passes.training,
)
"""Cost that counts samples instead of FLOPs."""
bill = measure_of(TRAIN_FLOPS)


@pytest.fixture(scope="module")
def data():
    return load_data("digits")


@pytest.fixture(scope="module")
def drawn():
    configure = study().configure
    return [configure(values) for values in sample(study().space, SAMPLES, seed=3)]


@pytest.fixture(scope="module")
def drawn_prices(data, drawn):
    """Prices of the drawn configurations, as the trainer predicts them."""
    return [predict(config, data).total for config in drawn]


@pytest.fixture(scope="module")
def outlook(data):
    return foresee_search(study(), data, seed=3)


@pytest.fixture(scope="module")
def found(outlook):
    return price_search(outlook, 10, bill)


def test_references_cost_what_the_trainer_says(data, found):
    assert found.references == {
        name: predict(config, data).total for name, config in study().references.items()
    }
    assert list(found.references) == ["small", "dense"]


def test_training_dense_on_all_data_costs_the_dense_price(data, outlook, found):
    fixed = study().fixed
    samples = data.num_train * fixed.epochs
    weights = 64 * 256 + 256 * 128 + 128 * 10
    assert outlook.unit == found.references["dense"] == 3 * 2 * weights * samples
    assert outlook.unit == dense_flops(fixed, data)


@pytest.mark.parametrize("budget", [1, 3, 50])
def test_a_search_costs_its_references_and_the_mean_for_all_others(outlook, drawn_prices, budget):
    """With a budget below the number of references, only the first ones run."""
    found = price_search(outlook, budget, bill)
    first = list(found.references.values())[:budget]
    others = max(budget - 2, 0) * math.fsum(drawn_prices) / SAMPLES
    assert found.expected == pytest.approx(sum(first) + others, rel=1e-12)


SHARED = """
[fixed]
data = "digits"
model = "mlp-small"
epochs = 4
[space]
warmup_epochs = [1, 3]
seed = [0, 1]
"""


def test_of_trials_that_begin_alike_all_but_the_longest_warm_up_is_shared(data):
    """Every trial of a search is drawn here, so the sum can be computed by hand."""
    outlook = foresee_search(parse_study("shared", SHARED), data, seed=0)
    epoch = dense_flops(parse_study("shared", SHARED).fixed, data) / 4
    first = [course.config for course in outlook.drawn[:10]]
    longest = {each.seed: 0 for each in first}
    for each in first:
        longest[each.seed] = max(longest[each.seed], each.warmup_epochs)
    saved = epoch * (sum(each.warmup_epochs for each in first) - sum(longest.values()))
    assert price_search(outlook, 10, bill).shared == pytest.approx(saved, rel=1e-12)
    assert saved > 0
    alone = foresee_search(parse_study("shared", SHARED), data, seed=0, separate_warmups=True)
    assert price_search(alone, 10, bill).shared == 0


def test_least_median_and_most_are_of_what_was_drawn(found, drawn_prices):
    assert (found.least, found.most) == (min(drawn_prices), max(drawn_prices))
    assert found.median == statistics.median(drawn_prices)
    assert found.least < found.median < found.most
    assert found.least <= found.expected / 10 <= found.most


def test_a_search_without_references_costs_the_mean_of_all(data):
    found = price_search(foresee_search(study(BARE), data, seed=3), 4, bill)
    assert found.references == {}
    assert found.least <= found.expected / 4 <= found.most


def test_the_same_seed_gives_the_same_price(data, found):
    assert price_search(foresee_search(study(TINY), data, seed=3), 10, bill) == found
    assert price_search(foresee_search(study(TINY), data, seed=4), 10, bill) != found


class TestHalving:
    def test_what_follows_a_rung_is_paid_by_those_that_go_on(self):
        """Rungs at the epochs 1, 3 and 9 of 10; a third continues at each."""
        costs = [1.0, 3.0, 6.0, 10.0, 15.0, 21.0, 28.0, 36.0, 45.0, 55.0]
        halving = HalvingConfig(grace=1, reduction=3)
        by_hand = 1 + (6 - 1) / 3 + (45 - 6) / 9 + (55 - 45) / 27
        assert after_halving(costs, halving) == pytest.approx(by_hand, rel=1e-12)

    def test_brackets_come_equally_often(self):
        costs = [1.0, 2.0, 3.0, 4.0]
        by_hand = ((1 + (2 - 1) / 2 + (4 - 2) / 4) + (2 + (4 - 2) / 2)) / 2
        assert after_halving(costs, HalvingConfig(grace=1, reduction=2, brackets=2)) == by_hand

    def test_a_reduction_of_1_stops_nothing(self):
        assert after_halving([1.0, 2.0, 4.0], HalvingConfig(grace=1, reduction=1)) == 4

    def test_a_search_with_it_costs_less_and_its_references_the_same(self, data, outlook, found):
        halved = price_search(foresee_search(study(HALVED), data, seed=3), 10, bill)
        assert halved.expected == found.expected
        stopped = [
            after_halving([mark.ledger.total for mark in course.marks], study(HALVED).halving)
            for course in outlook.drawn
        ]
        references = sum(found.references.values())
        assert halved.halved == pytest.approx(references + 8 * statistics.fmean(stopped))
        assert references < halved.halved < halved.expected
        assert found.halved is None


class TestTime:
    SOLVERS: ClassVar = {"random": 0.0, "el2n": 1e-8, "gradmatch": 0.0}
    PACE = Pace({"mlp-small": Speed(1e-3, 1e-5, 1e-6)}, SOLVERS)

    def test_a_trials_time_is_that_of_its_passes_and_of_its_solver(self, data, drawn, outlook):
        seconds = []
        for config in drawn:
            forecast = Forecast(config, data)
            passes, solver = forecast.passes, forecast.ledger.solver
            rate = self.SOLVERS[config.coreset.scorer]
            seconds.append(
                1e-3 * passes.steps
                + 1e-5 * passes.training
                + 1e-6 * passes.forward
                + rate * solver
            )
        found = price_search(outlook, 10, self.PACE.seconds)
        assert found.median == pytest.approx(statistics.median(seconds), rel=1e-12)
        assert (found.least, found.most) == pytest.approx((min(seconds), max(seconds)))

    def test_masks_save_flops_and_no_time(self, data):
        config = study().fixed.with_values({"coreset.scorer": "random"})
        thin, thick = (
            Forecast(config.with_values({"prune.sparsity": sparsity}), data).marks[-1]
            for sparsity in (0.9, 0.3)
        )
        assert bill(config, thin) < bill(config, thick)
        assert self.PACE.seconds(config, thin) == self.PACE.seconds(config, thick)

    def test_every_network_and_every_scorer_is_measured(self, data, outlook):
        pace = pricing.calibrate_search(study(), outlook, data, "cpu")
        assert set(pace.speeds) == {"mlp-small"}
        assert pace.solvers["random"] == 0 < pace.solvers["el2n"]
        found = price_search(outlook, 10, pace.seconds)
        assert 0 < found.least < found.most

    def test_a_network_that_raises_is_named(self, data):
        raising = TINY.replace('"mlp-small"', '"tests.search.faulty:raising"')
        outlook = foresee_search(study(raising), data, seed=3)
        problem = "'tests.search.faulty:raising' cannot be trained here: .*divides by zero"
        with pytest.raises(ConfigError, match=problem):
            pricing.calibrate_search(study(raising), outlook, data, "cpu")

    def test_a_quote_holds_both(self, outlook, found):
        said = pricing.quote(outlook, self.PACE, 10, concurrent=2)
        assert said.cost == found
        assert said.seconds == price_search(outlook, 10, self.PACE.seconds)
        assert (said.unit, said.concurrent) == (outlook.unit, 2)


class TestAnotherCost:
    def quote(self, data, **more):
        cost = replace(SAMPLES_SEEN, **more)
        axes = replace(study().objectives, cost=cost)
        priced = replace(study(HALVED), objectives=axes)
        outlook = foresee_search(priced, data, seed=3)
        quote = pricing.quote(outlook, TestTime.PACE, 10, concurrent=2)
        return quote, list(lines_of(priced, 10, quote))

    def test_is_priced_and_named_in_every_line(self, data):
        quote, lines = self.quote(data)
        assert quote.unit == quote.cost.references["dense"] == data.num_train * 4
        assert quote.cost.least < quote.cost.halved < quote.cost.expected
        assert lines[0] == f"tiny: 10 trials, about {quote.cost.expected:.3g} training samples"
        assert f"dense {quote.unit:.3g}" in lines[1]
        (halving,) = [line for line in lines if line.startswith("halving: ")]
        assert f"about {quote.cost.halved:.3g} samples and " in halving
        assert not any("FLOPs" in line for line in lines)

    def test_that_is_only_measured_leaves_the_time(self, data):
        quote, lines = self.quote(data, price=None)
        assert quote.cost is None
        assert lines[0] == (
            "tiny: 10 trials; their training samples are known only after training"
        )
        assert any(line.startswith("time of one trial: least ") for line in lines)
        (dense,) = [line for line in lines if line.startswith("reference dense: ")]
        assert dense.endswith(" s")
        assert "," not in dense
