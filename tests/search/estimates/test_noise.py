"""The noise between seeds: its prior, and the line that repeated trainings show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from search.estimates.noise import BINOMIAL, MOST, SLOPE, prior, seed_noise

TOP = 3.0


def test_without_repeated_trainings_is_a_part_of_the_binomial_variance():
    share = expit(TOP)
    found = seed_noise([], [], [], prior(TOP, 500))
    assert found.slope == SLOPE
    assert found.variance(TOP) == pytest.approx(BINOMIAL / (500 * share * (1 - share)))


@pytest.mark.parametrize(("height", "slope"), [(-4.0, -1.0), (-6.0, 0.0)])
def test_of_many_repeated_trainings_is_the_line_that_they_were_drawn_from(height, slope):
    draw = np.random.default_rng(7)
    logits = draw.uniform(0, 4, 800)
    true = np.exp(height + slope * np.minimum(logits - TOP, 0))
    degrees = draw.integers(1, 4, 800)
    squares = true * draw.chisquare(degrees) / degrees
    found = seed_noise(logits, squares, degrees, prior(TOP, 500))
    assert found.height == pytest.approx(height, abs=0.3)
    assert found.slope == pytest.approx(slope, abs=0.2)


def test_of_equal_readings_stays_above_0_and_of_collapses_within_reason():
    quiet = seed_noise([3.0] * 5, [0.0] * 5, [1] * 5, prior(TOP, 500))
    wild = seed_noise([-3.0] * 5, [50.0] * 5, [1] * 5, prior(TOP, 500))
    assert 0 < quiet.variance(TOP) < prior(TOP, 500).variance(TOP)
    assert np.isfinite(wild.variance([-50.0, 0.0, 50.0])).all()
    assert wild.variance(-3.0) <= MOST
