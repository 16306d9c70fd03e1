"""Tests of objectives: worth, place, text and title of a value, and the table of costs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import objectives
from search.objectives import ACCURACY, COSTS, STANDARD, TRAIN_FLOPS, choose, register
from search.study.study_file import parse_study
from swast.errors import ConfigError
from tests.search.support import result

LOSS = replace(ACCURACY, name="loss", maximise=False, factor=1.0, unit="", reference=4, best=0)
"""A score of which less is better."""
SECONDS = replace(
    TRAIN_FLOPS,
    name="seconds",
    label="Training time",
    unit="s",
    key="seconds",
    metric="seconds",
    digits=1,
    choice="seconds",
    noun="training time",
    absolute_unit="s",
    absolute_key="train_seconds",
    measure=lambda result: result.seconds,
    price=None,
)
"""A cost that is only measured."""


@pytest.fixture
def costs(monkeypatch):
    """Return the table of costs; what a test registers is gone after it."""
    monkeypatch.setattr(objectives, "COSTS", dict(COSTS))
    return objectives.COSTS


class TestWorth:
    @given(st.floats(0.0, 0.99), st.floats(-1, 2))
    def test_is_a_share_of_a_linear_axis(self, reference, value):
        axis = replace(ACCURACY, reference=reference)
        expected = min(max((value - reference) / (1 - reference), 0), 1)
        assert float(axis.worth(value)) == pytest.approx(expected)

    @given(st.floats(1e-6, 0.9), st.floats(1e-9, 100))
    def test_is_a_share_of_the_decades_of_a_logarithmic_axis(self, best, value):
        axis = replace(TRAIN_FLOPS, best=best)
        expected = min(max(math.log(value) / math.log(best), 0), 1)
        assert float(axis.worth(value)) == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("axis", [ACCURACY, TRAIN_FLOPS, LOSS, SECONDS])
    def test_is_0_at_the_reference_and_1_at_the_best_value(self, axis):
        assert axis.worth([axis.reference, axis.best]).tolist() == [0, 1]

    def test_of_a_trial_that_costs_more_than_the_unit_is_0(self):
        assert TRAIN_FLOPS.worth([1.0, 6.8, 1e9]).tolist() == [0, 0, 0]

    def test_of_a_score_at_or_below_the_reference_is_0(self):
        axis = replace(ACCURACY, reference=0.9)
        assert axis.worth([0.84, 0.89, 0.9]).tolist() == [0, 0, 0]
        assert axis.worth(math.nextafter(0.9, 1)) > 0

    def test_of_less_is_more_where_less_is_better(self):
        assert LOSS.worth([4, 3, 1, 0, 5]).tolist() == [0, 0.25, 0.75, 1, 0]


class TestPlace:
    def test_is_the_printed_value_on_a_linear_axis(self):
        assert ACCURACY.place(0.951) == pytest.approx(95.1)

    def test_is_the_logarithm_on_a_logarithmic_axis(self):
        assert TRAIN_FLOPS.place(0.01) == pytest.approx(-2)
        assert TRAIN_FLOPS.place(100) == pytest.approx(2)

    @pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
    def test_is_none_of_a_value_that_is_not_finite(self, value):
        assert math.isnan(ACCURACY.place(value))
        assert math.isnan(TRAIN_FLOPS.place(value))

    @pytest.mark.parametrize("value", [0, -1])
    def test_is_none_of_what_has_no_logarithm(self, value):
        assert math.isnan(TRAIN_FLOPS.place(value))
        assert ACCURACY.place(value) == 100 * value


class TestText:
    def test_has_the_axis_factor_digits_and_unit(self):
        assert ACCURACY.text(0.95139) == "95.14%"
        assert ACCURACY.text(0.95139, space=" ") == "95.14 %"
        assert SECONDS.text(12.34, space=" ") == "12.3 s"

    def test_has_no_space_without_a_unit(self):
        assert TRAIN_FLOPS.text(0.0176) == TRAIN_FLOPS.text(0.0176, space=" ") == "0.0176"

    def test_of_an_absolute_cost_has_its_own_unit(self):
        assert TRAIN_FLOPS.absolute_text(1.2e9) == "1.2e+09 FLOPs"


def test_a_title_has_the_unit_if_there_is_one():
    assert ACCURACY.title == "Validation accuracy (%)"
    assert TRAIN_FLOPS.title == "Training FLOPs relative to dense training"


class TestDirection:
    def test_is_optunas_word_for_it(self):
        assert (ACCURACY.direction, TRAIN_FLOPS.direction) == ("maximize", "minimize")

    def test_turns_values_so_that_more_is_better(self):
        assert ACCURACY.rising([0.1, 0.9]).tolist() == [0.1, 0.9]
        assert TRAIN_FLOPS.rising([0.1, 0.9]).tolist() == [-0.1, -0.9]


def test_the_standard_objectives_read_a_result():
    found = result(0.75, 0.25, test=0.5)
    assert STANDARD.score.measure(found) == STANDARD.score.measure(found.history[-1]) == 0.75
    assert (STANDARD.score.test(found), STANDARD.cost.measure(found)) == (0.5, 2_500_000_000)


class TestRegister:
    def test_adds_a_cost_that_a_study_can_choose(self, costs):
        register(SECONDS)
        assert list(costs) == ["train-flops", "seconds"]
        source = '[space]\ninterval = [1, 2]\n[objectives]\ncost = "seconds"\n'
        found = parse_study("timed", source).objectives
        assert found.cost == SECONDS
        assert found.cost.measure(result(0.9)) == 2.5

    def test_refuses_a_name_that_is_taken(self, costs):
        with pytest.raises(ValueError, match="a cost named 'train-flops' is registered already"):
            register(replace(SECONDS, choice="train-flops"))
        assert costs == COSTS


class TestChoose:
    def test_sets_the_ends_of_the_axes(self):
        found = choose("train-flops", worst_score=0.9, least_cost=0.01)
        assert found.reference_point == {"accuracy": 0.9, "relative_flops": 1.0}
        assert (found.score.best, found.cost.best) == (1.0, 0.01)
        assert choose("train-flops") == STANDARD

    @pytest.mark.parametrize(
        ("name", "hint"),
        [("train-flop", "; did you mean 'train-flops'?"), ("joules", ""), ("", "")],
    )
    def test_refuses_an_unknown_cost_in_one_line_with_the_nearest_name(self, name, hint):
        with pytest.raises(ConfigError) as caught:
            choose(name)
        assert str(caught.value) == (
            f"objectives.cost must be one of train-flops, got {name!r}{hint}"
        )

    def test_names_every_registered_cost(self, costs):
        register(SECONDS)
        with pytest.raises(ConfigError, match="must be one of train-flops, seconds, got 'second'"):
            choose("second")
