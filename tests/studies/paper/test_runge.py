"""Tests of figure 1's analysis against closed forms, theorems and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial import legendre, polynomial
from scipy.integrate import quad
from scipy.linalg import eigh

from studies.paper import fits
from studies.paper.runge import (
    Samples,
    difficulty,
    draw,
    fit,
    loss,
    moments,
    prune,
    runge,
    sampled_difficulty,
)


def chosen(whole: Samples, places) -> Samples:
    return Samples(whole.x[places], whole.y[places])


def selection(seed: int, size: int = 30, part: int = 10) -> tuple[Samples, Samples]:
    random = np.random.default_rng(seed)
    whole = draw(random, size, 0, 0)
    return whole, chosen(whole, random.choice(size, part, replace=False))


class TestLoss:
    @pytest.mark.parametrize("theta", [[0.0], [0.3, -0.5], [1.0, 0.0, -2.0, 0.5]])
    def test_it_is_the_integral(self, theta):
        value, _ = quad(lambda x: (polynomial.polyval(x, theta) - runge(x)) ** 2 / 2, -1, 1)
        assert loss(np.array(theta)) == pytest.approx(value, rel=1e-9)

    def test_that_of_nothing_has_a_closed_form(self):
        """∫ dx / (2 (1 + 25 x²)²) over [−1, 1] = 1/52 + arctan(5) / 10."""
        assert loss(np.zeros(1)) == pytest.approx(1 / 52 + math.atan(5) / 10, rel=1e-12)


class TestFit:
    def test_a_polynomial_is_found_in_powers_of_x(self):
        x = np.linspace(-1, 1, 20)
        theta = np.array([1.0, -2.0, 0.0, 3.0])
        assert fit(Samples(x, polynomial.polyval(x, theta)), 3) == pytest.approx(theta, abs=1e-12)

    def test_the_smallest_coefficients_go_and_the_others_stay(self):
        theta = np.array([3.0, -0.1, 2.0, 0.2])
        assert prune(theta, 0.5).tolist() == [3, 0, 2, 0]
        assert theta.tolist() == [3, -0.1, 2, 0.2]

    def test_noise_is_added_to_the_noisy_samples_alone(self):
        clean, noisy = (draw(np.random.default_rng(1), 20, more, 0.3) for more in (0, 5))
        assert np.array_equal(noisy.x[:20], clean.x)
        assert np.array_equal(noisy.y[:20], runge(clean.x))
        assert np.abs(noisy.y[20:] - runge(noisy.x[20:])).min() > 0


class TestDifficulty:
    def test_of_constants_by_hand(self):
        """Two by two: D has mean 1 and mean square 2, D̂ mean 2 and mean square 4.

        L(θ) = θ² − 2θ + 2 and L̂(θ) = (θ − 2)². The ratio (L − L̂) / L = (2θ − 2) / (θ² − 2θ + 2)
        is u ↦ 2u / (u² + 1) with u = θ − 1: between −1 and 1.
        """
        whole = Samples(np.zeros(2), np.array([0.0, 2.0]))
        part = Samples(np.zeros(1), np.array([2.0]))
        assert difficulty(whole, part, 0) == pytest.approx(1, rel=1e-12)

    def test_of_lines_by_looking_everywhere(self):
        """The brute force is a grid over both coefficients, and over directions at infinity."""
        whole, part = selection(3)
        a, b = moments(whole, 1), moments(part, 1)
        slope, place, last = np.meshgrid(*[np.linspace(-1, 1, 81)] * 3)
        v = np.stack([slope.ravel(), place.ravel(), last.ravel()])
        v = np.linalg.inv(np.linalg.cholesky(a).T) @ v[:, np.abs(v).max(axis=0) > 0]
        ratios = np.abs(np.sum(v * ((a - b) @ v), 0) / np.sum(v * (a @ v), 0))
        assert ratios.max() <= difficulty(whole, part, 1) * (1 + 1e-9)
        assert ratios.max() == pytest.approx(difficulty(whole, part, 1), rel=5e-3)

    @pytest.mark.parametrize("degree", [0, 3, 8])
    def test_of_all_samples_is_none(self, degree):
        whole, _ = selection(0)
        assert difficulty(whole, whole, degree) == pytest.approx(0, abs=1e-9)

    @pytest.mark.parametrize("seed", range(5))
    def test_it_never_falls_with_the_degree(self, seed):
        """Polynomials of a degree include those of lower degrees: the supremum can only grow."""
        pair = selection(seed)
        found = [difficulty(*pair, degree) for degree in range(9)]
        assert np.all(np.diff(found) >= -1e-9)

    def test_it_does_not_hang_on_the_basis(self):
        whole, part = selection(1)
        turn = np.zeros((6, 6))
        for column in range(5):
            turn[: column + 1, column] = legendre.leg2poly(np.eye(5)[column])[: column + 1]
        turn[5, 5] = 1
        a, b = (turn.T @ _in_powers(each, 4) @ turn for each in (whole, part))
        values = eigh(a - b, a, eigvals_only=True)
        assert difficulty(whole, part, 4) == pytest.approx(np.abs(values).max(), rel=1e-7)

    @pytest.mark.parametrize("degree", [0, 2, 6])
    def test_looking_for_it_comes_close_and_never_beyond(self, degree):
        pair = selection(2)
        found = sampled_difficulty(*pair, degree, np.random.default_rng(0), draws=300)
        assert 0.99 < found / difficulty(*pair, degree) < 1 + 1e-9

    def test_samples_that_a_polynomial_fits_have_none(self):
        whole = Samples(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
        with pytest.raises(np.linalg.LinAlgError):
            difficulty(whole, chosen(whole, [0, 1]), 1)


def _in_powers(samples: Samples, degree: int):
    """Return the moments in powers of x."""
    rows = np.column_stack([np.vander(samples.x, degree + 1, increasing=True), -samples.y])
    return rows.T @ rows / len(samples.x)


def test_every_seed_measures_the_same_samples_throughout(monkeypatch):
    monkeypatch.setattr(fits, "DEGREES", (0, 1))
    one, two = fits.measure([4]), fits.measure([3, 4])
    assert np.array_equal(one.exact[0], two.exact[1])
    assert np.array_equal(one.hard[0], two.hard[1])
    assert np.all(one.seen <= one.hard * (1 + 1e-9))
