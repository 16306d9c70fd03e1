"""Range of a setting: valid and invalid values, and its description in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swast.errors import ConfigError
from swast.settings import FieldType, Setting, Table, check, setting

NUMBERS = st.floats(allow_nan=False) | st.integers()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "finite"),
        ({"low": 1}, "at least 1"),
        ({"above": 0}, "above 0"),
        ({"low": 0, "high": 1}, "in [0, 1]"),
        ({"above": 0, "high": 1}, "in (0, 1]"),
        ({"low": 0, "below": 1}, "in [0, 1)"),
        ({"above": -1, "below": 0}, "in (-1, 0)"),
        ({"high": 3}, "at most 3"),
        ({"below": 0.5}, "below 0.5"),
        ({"low": 1, "high": 100_000}, "in [1, 100000]"),
        ({"low": 0, "high": 1e9}, "in [0, 1e+09]"),
    ],
)
def test_a_range_is_said_in_the_usual_notation(limits, words):
    assert Setting("", **limits).range == words


@given(NUMBERS)
def test_a_half_open_range_holds_its_closed_end_only(value):
    allows = Setting("", above=0, high=1).allows(value)
    assert allows == (0 < value <= 1)


@given(NUMBERS)
def test_a_range_without_bounds_holds_every_finite_number(value):
    assert Setting("").allows(value) == (abs(value) < math.inf)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("limits", [{}, {"low": 0}, {"low": 0, "high": 1}])
def test_no_range_holds_nan_or_infinity(value, limits):
    assert not Setting("", **limits).allows(value)


def test_a_whole_number_too_large_for_a_float_is_judged_all_the_same():
    assert not Setting("", low=0, high=1).allows(10**400)
    assert check(10**400, "f", FieldType(float), Setting("")) is not None


@pytest.mark.parametrize("kind", [int, float])
def test_a_truth_value_is_no_number(kind):
    assert "got True" in check(True, "field", FieldType(kind), Setting("", low=0))


def test_a_number_is_no_truth_value():
    assert check(1, "field", FieldType(bool), Setting("")) == (
        "field must be true or false, got 1"
    )


def test_a_whole_number_passes_for_a_number_and_not_the_other_way_round():
    assert check(1, "field", FieldType(float), Setting("")) is None
    assert check(1.0, "field", FieldType(int), Setting("", low=0)) == (
        "field must be a whole number at least 0, got 1.0"
    )


class TestNoLimit:
    """Infinity stands for no limit where that is the default, and is refused elsewhere."""

    @dataclass(frozen=True, kw_only=True)
    class Limited(Table):
        most: float = setting(math.inf, "the most", low=0, high=10)
        share: float = setting(0.5, "a share", low=0, high=1)
        ends: float = setting(1.0, "the end", low=0, unlimited=True)

    def test_is_allowed_where_it_is_the_default(self):
        assert self.Limited().most == math.inf
        assert self.Limited(most=math.inf, ends=math.inf).ends == math.inf
        assert self.Limited(most=10).most == 10.0

    @pytest.mark.parametrize("value", [-math.inf, math.nan, 11, -1])
    def test_opens_no_other_end_of_the_range(self, value):
        with pytest.raises(ConfigError, match=r"most must be in \[0, 10\], got"):
            self.Limited(most=value)

    def test_is_refused_where_it_is_not(self):
        with pytest.raises(ConfigError, match=r"share must be in \[0, 1\], got inf"):
            self.Limited(share=math.inf)
