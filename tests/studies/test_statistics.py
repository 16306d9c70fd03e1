"""Tests of intervals against theory, and of collapse against counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from studies.statistics import (
    Interval,
    collapse_rate,
    collapse_threshold,
    mean_interval,
    paired,
    spread,
)


@pytest.mark.parametrize("count", [2, 5, 40])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_is_scipys_of_one_sample(count, level):
    values = np.random.default_rng(count).gamma(2, 1, size=count)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(level)
    found = mean_interval(values, level=level)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.mean == pytest.approx(values.mean())
    assert list(found.values) == values.tolist()


def test_it_covers_the_truth_as_often_as_it_says_with_five_values():
    """The error of the count is 0.7 points; percentile bootstrap intervals cover 84 %."""
    samples = np.random.default_rng(2).normal(size=(1000, 5))
    found = [mean_interval(each) for each in samples]
    assert np.mean([each.low < 0 < each.high for each in found]) == pytest.approx(0.95, abs=0.02)


def test_a_single_value_is_its_own_interval():
    assert mean_interval([3.0]) == Interval(3, 3, 3, [3])


def test_pairing_takes_out_what_the_seeds_have_in_common():
    """Seeds differ by tens of points, the arms by one."""
    base = np.random.default_rng(3).normal(80, 20, size=12)
    found = paired(list(base + 1), list(base))
    assert (found.mean, found.low, found.high) == pytest.approx((1, 1, 1))
    with pytest.raises(ValueError, match="3 values against 2"):
        paired([1, 2, 3], [1, 2])


def test_the_order_of_the_seeds_matters_to_pairs_alone():
    ours, theirs = [0.9, 0.8, 0.7], [0.8, 0.7, 0.6]
    assert paired(ours, theirs).sign == 1
    assert paired(ours, theirs[::-1]).mean == pytest.approx(0.1)
    assert paired(ours, theirs[::-1]).sign == 0


def test_a_sign_is_claimed_only_where_the_interval_excludes_zero():
    assert [Interval(0, *each).sign for each in ((-1, 1), (0.1, 1), (-1, -0.1), (0, 1))] == [
        0,
        1,
        -1,
        0,
    ]


def test_collapse_is_five_points_under_the_lower_median():
    coreset, pruning = [0.9, 0.95, 0.97], [0.5, 0.93, 0.94]
    threshold = collapse_threshold(coreset, pruning)
    assert threshold == pytest.approx(0.88)
    assert collapse_rate([0.87, 0.88, 0.9, 0.2], threshold) == 0.5


def test_the_spread_is_that_of_a_sample():
    assert spread([1, 3]) == pytest.approx(math.sqrt(2))
    assert spread([1]) == 0


def test_an_interval_in_another_unit_is_the_same():
    assert Interval(0.1, 0.05, 0.2).scaled(100) == Interval(10, 5, 20, [])
    turned = Interval(0.1, 0.05, 0.2, (0.0, 0.2)).scaled(-1)
    assert turned == Interval(-0.1, -0.2, -0.05, [0, -0.2])
