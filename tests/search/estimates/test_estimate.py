"""Estimates over seeds: calibrated on simulated searches, and right at the ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import expit, stdtrit

from search.estimates.estimate import FEWEST, Evidence, estimate
from search.pareto import front

SAMPLES = 500


def simulated(seed, count=40, readings=None):
    """Return the evidence of a random search, and the true mean score of each configuration.

    The eight best readings are read again, or all so many times.
    """
    draw = np.random.default_rng(seed)
    features, costs = draw.random((count, 4)), 10 ** draw.uniform(-2, 0, count)
    logits = 3 + np.log10(costs) - 2 * (features[:, 0] - 0.4) ** 2
    logits += 0.1 * draw.standard_normal(count)
    deviation = 0.25 * np.exp(-0.5 * np.minimum(logits - 3, 0))
    many = expit(logits[:, None] + deviation[:, None] * draw.standard_normal((count, 400)))
    best = np.argsort(-many[:, 0])[:8]
    numbers = [readings or 1 + (place in best) for place in range(count)]
    read = [tuple(row[:number]) for row, number in zip(many, numbers, strict=True)]
    return Evidence(features, costs, read, SAMPLES), many.mean(axis=1)


def test_members_hold_better_than_readings_when_they_are_trained_again():
    """Over 30 searches readings are 5.5 points too high, estimates 2.0; 79 % of intervals cover.

    Half of the front is near collapse, where seeds differ by ten points. Over other seeds of the
    simulation: 5.8 to 6.1, 1.6 to 1.9, and 81 to 82 %.
    """
    lucky, shown, covered = [], [], []
    for seed in range(30):
        known, truth = simulated(seed)
        read = np.array([each[0] for each in known.readings])
        best = front(read, known.costs)
        lucky += list((read - truth)[best])
        found = estimate(known)
        members = np.flatnonzero(found.front >= 0.5)
        shown += list((found.score - truth)[members])
        covered += list(((found.low <= truth) & (truth <= found.high))[members])
    assert np.mean(lucky) > 0.05
    assert abs(np.mean(shown)) < 0.5 * np.mean(lucky)
    assert 0.72 <= np.mean(covered) <= 0.97


def test_probabilities_are_shares_of_fronts():
    """A member with probability p is on the true front in a share p of searches."""
    stated, true = [], []
    for seed in range(30):
        known, truth = simulated(seed)
        stated += list(estimate(known).front)
        on = front(truth, known.costs)
        true += [place in on for place in range(len(truth))]
    chance, is_on = np.array(stated), np.array(true)
    for low, high in itertools.pairwise((0.02, 0.3, 0.7, 0.999)):
        here = (low <= chance) & (chance < high)
        assert chance[here].mean() == pytest.approx(is_on[here].mean(), abs=0.25)


def test_more_readings_tell_more():
    two, eight = (estimate(simulated(5, readings=count)[0]) for count in (2, 8))
    truth = simulated(5)[1]
    assert (eight.error < two.error).mean() > 0.9
    assert np.abs(eight.score - truth).mean() < np.abs(two.score - truth).mean()


def test_of_few_configurations_or_those_outside_the_space_is_the_mean_of_their_readings():
    outside = np.full((FEWEST + 1, 2), np.nan)
    readings = [(0.9, 0.92, 0.91)] * (FEWEST + 1)
    costs = np.linspace(0.1, 1, FEWEST + 1)
    for known in (
        Evidence(outside, costs, readings, SAMPLES),
        Evidence(np.random.default_rng(0).random((2, 2)), costs[:2], readings[:2], SAMPLES),
    ):
        found = estimate(known)
        assert found.score == pytest.approx(0.91, abs=0.003)
        half = stdtrit(found.noise.freedom(found.logits), 0.95) * found.error
        assert found.low == pytest.approx(found.score - half, abs=0.003)


def test_of_equal_cost_only_the_best_is_on_the_front_and_the_cheapest_always_is():
    known = Evidence(
        np.full((3, 1), np.nan), np.array([0.1, 0.1, 0.5]), [(0.99,), (0.5,), (0.7,)], SAMPLES
    )
    assert estimate(known).front == pytest.approx([1, 0, 0], abs=0.01)
    alone = Evidence(np.full((1, 1), np.nan), np.array([0.1]), [(0.4,)], None)
    assert estimate(alone).front == pytest.approx([1])


@pytest.mark.parametrize("scores", [(0.0,) * 12, (1.0,) * 12, (0.0, 1.0) * 6])
def test_extreme_readings_give_finite_estimates(scores):
    draw = np.random.default_rng(0)
    known = Evidence(draw.random((12, 2)), 10 ** draw.uniform(-2, 0, 12), [(s, s) for s in scores])
    found = estimate(known)
    for each in (found.score, found.error, found.low, found.high, found.front):
        assert np.isfinite(each).all()
        assert (each >= 0).all()
        assert (each <= 1).all()


def test_a_single_reading_far_above_the_others_is_luck_until_another_one_agrees():
    draw = np.random.default_rng(1)
    costs = 10 ** draw.uniform(-2, 0, 30)
    read = expit(3 + np.log10(costs) + 0.2 * draw.standard_normal(30))
    features = draw.random((30, 2))
    scores = {}
    for lucky in [(0.998,), (0.998, 0.998)]:
        readings = [(score,) for score in read[1:]]
        found = estimate(Evidence(features, costs, [lucky, *readings], SAMPLES))
        scores[len(lucky)] = found.score[0]
        assert found.score[1:] == pytest.approx(read[1:], abs=0.05)
    assert scores[1] < 0.98 < scores[2]
