"""Tests of intervals against theory, and of collapse against counting."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from studies.statistics import (
    Interval,
    bootstrap_mean,
    collapse_rate,
    collapse_threshold,
    paired,
    spread,
)


def test_the_interval_of_few_values_is_that_of_every_resample():
    """Three values have 27 resamples; the bootstrap's percentiles are theirs."""
    values = [0.0, 1.0, 5.0]
    every = [np.mean(each) for each in itertools.product(values, repeat=3)]
    low, high = np.percentile(every, [10, 90])
    found = bootstrap_mean(values, level=0.8)
    assert found.mean == pytest.approx(2)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_the_interval_of_many_values_is_the_normal_one():
    values = np.random.default_rng(1).normal(3, 2, size=400)
    found = bootstrap_mean(values)
    half = 1.96 * values.std() / math.sqrt(400)
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.015
    )


def test_it_covers_the_truth_about_as_often_as_it_says():
    """Sixteen seeds: percentile intervals are a little narrow, 92 to 93 % for 95."""
    random = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        found = bootstrap_mean(random.normal(size=16))
        hits += found.low < 0 < found.high
    assert 0.88 < hits / 200 < 0.97


def test_the_same_values_give_the_same_interval():
    values = np.random.default_rng(4).normal(size=20)
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values, seed=1) != bootstrap_mean(values)


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


@pytest.mark.parametrize("count", [5, 12, 40])
def test_the_interval_is_scipys_percentile_bootstrap(count):
    """Both resample 10,000 times with different generators, so the ends agree up to noise."""
    values = np.random.default_rng(count).gamma(2, 1, size=count)
    theirs = scipy_bootstrap(
        (values,),
        np.mean,
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    found, noise = bootstrap_mean(values), 0.06 * values.std() / math.sqrt(count)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=noise)


def test_an_interval_in_another_unit_is_the_same():
    assert Interval(0.1, 0.05, 0.2).scaled(100) == Interval(10, 5, 20)
    assert Interval(0.1, 0.05, 0.2).scaled(-1) == Interval(-0.1, -0.2, -0.05)
