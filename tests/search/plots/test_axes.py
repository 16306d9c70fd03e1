"""Ends and ticks of axes, and SI units."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.objectives import TRAIN_FLOPS
from search.plots.axes import cost_bounds, log_ticks, score_bounds, si_unit, ticks_of

LINEAR = dataclasses.replace(TRAIN_FLOPS, log=False)


class TestAxes:
    @given(
        st.lists(st.floats(0, 100), max_size=40),
        st.integers(0, 3),
    )
    def test_y_keeps_what_it_must_and_most_of_the_rest(self, values, number):
        kept = values[:number]
        low, high = score_bounds(values, kept)
        assert low < high
        assert all(low < value < high for value in [*kept, *([max(values)] if values else [])])
        assert sum(value > low for value in values) >= 0.75 * len(values) - 1

    def test_y_is_close_to_a_cluster(self):
        low, high = score_bounds([96, 96.5, 97, 97.2, 98, 30], [])
        assert 95 < low < 96
        assert 98 < high < 99

    def test_y_keeps_a_reference_that_is_far_below(self):
        assert score_bounds([96, 96.5, 97, 97.2, 98, 30], [30])[0] < 30

    @given(st.lists(st.floats(-6, 1), max_size=20))
    def test_x_holds_all_with_a_margin_and_has_two_ticks_at_least(self, values):
        bounds = cost_bounds(TRAIN_FLOPS, values)
        assert all(bounds[0] < value < bounds[1] for value in values)
        ticks = log_ticks(bounds)
        assert len(ticks) >= 2
        assert all(bounds[0] <= math.log10(tick) <= bounds[1] for tick in ticks)
        assert all(float(text) == pytest.approx(tick) for tick, text in ticks.items())
        assert not any("e" in text or text.endswith(".") for text in ticks.values())

    def test_log_ticks_are_readable(self):
        assert list(log_ticks((-2.1, 0.1)).values()) == ["0.01", "0.03", "0.1", "0.3", "1"]
        assert list(log_ticks((-5.2, 0.2)).values())[:2] == ["0.00001", "0.0001"]


class TestALinearCostAxis:
    @given(st.lists(st.floats(-1e6, 1e6), max_size=20))
    def test_holds_all_with_a_margin_and_has_a_tick(self, values):
        bounds = cost_bounds(LINEAR, values)
        assert all(bounds[0] < value < bounds[1] for value in values)
        ticks = ticks_of(LINEAR, bounds)
        assert ticks
        assert all(bounds[0] <= tick <= bounds[1] for tick in ticks)

    def test_is_close_to_its_values(self):
        """Its span does not depend on decades."""
        low, high = cost_bounds(LINEAR, [400.0, 500.0])
        assert 370 <= low < 400
        assert 500 < high <= 530

    def test_has_equal_steps(self):
        assert list(ticks_of(LINEAR, (0.0, 10.0)).values()) == ["0", "2", "4", "6", "8", "10"]


@pytest.mark.parametrize(
    ("most", "unit", "expected"),
    [
        (0, "FLOPs", (1.0, "FLOPs")),
        (999_999, "FLOPs", (1.0, "FLOPs")),
        (2e9, "FLOPs", (1e9, "GFLOPs")),
        (5e18, "FLOPs", (1e18, "EFLOPs")),
        (3e6, "J", (1e6, "MJ")),
    ],
)
def test_an_si_unit_suits_the_largest_value(most, unit, expected):
    assert si_unit(most, unit) == expected
