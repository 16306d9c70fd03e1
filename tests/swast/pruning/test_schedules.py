"""Schedules: from 0 to exactly the target, never decreasing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swast.pruning.schedules import SCHEDULES, sparsity_at

every_schedule = pytest.mark.parametrize("name", SCHEDULES)
TARGETS = st.floats(0, 1, exclude_max=True)
PROGRESS = st.floats(0, 1)

AT_HALF = {
    "one-shot": 0.9,
    "linear": 0.9 * 0.5,
    "cubic": 0.9 * (1 - 0.125),
    "cosine": 0.9 * 0.5,
    "exponential": 1 - math.sqrt(0.1),
}
AT_QUARTER = {
    "one-shot": 0.9,
    "linear": 0.9 * 0.25,
    "cubic": 0.9 * (1 - 27 / 64),
    "cosine": 0.9 * (1 - math.sqrt(0.5)) / 2,
    "exponential": 1 - 0.1**0.25,
}


@every_schedule
def test_the_formula_holds_on_the_way(name):
    assert sparsity_at(name, 0.25, 0.9) == pytest.approx(AT_QUARTER[name], rel=1e-12)
    assert sparsity_at(name, 0.5, 0.9) == pytest.approx(AT_HALF[name], rel=1e-12)


@every_schedule
@given(TARGETS)
def test_it_starts_at_nothing_but_for_one_shot(name, target):
    assert sparsity_at(name, 0, target) == (target if name == "one-shot" else 0)


@every_schedule
@given(TARGETS, st.floats(1, 5))
def test_it_ends_at_exactly_the_target_and_stays_there(name, target, progress):
    assert sparsity_at(name, progress, target) == target


@every_schedule
@given(TARGETS, PROGRESS, PROGRESS)
def test_it_never_falls_and_never_passes_the_target(name, target, one, other):
    low, high = sorted([one, other])
    before, after = sparsity_at(name, low, target), sparsity_at(name, high, target)
    assert 0 <= before <= after + 1e-12
    assert after <= target + 1e-12


@every_schedule
@given(TARGETS, st.floats(-3, 0))
def test_it_has_not_begun_before_its_start(name, target, progress):
    assert sparsity_at(name, progress, target) == sparsity_at(name, 0, target)
