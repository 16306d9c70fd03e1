"""Polynomial regression of Runge's function, in which pruning and selection are transparent.

f(x) = 1 / (1 + 25 x²) on [−1, 1], fitted by least squares with polynomials of degree d; θ are
their d + 1 coefficients. Fits are made in Legendre polynomials, in which least squares is well
conditioned. They are returned in powers of x, whose coefficients magnitude pruning sets to 0.

Section 7 of the method (figure 1 of Wan et al., AAAI 2026).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre, polynomial
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh, solve_triangular
from scipy.optimize import minimize

Array = NDArray[np.float64]
NODES = 200
"""Number of nodes of the Gauss–Legendre rule that integrates losses; enough that the error due to
f's poles is invisible."""


def runge(x: ArrayLike) -> Array:
    """Return Runge's function at x."""
    return np.asarray(1 / (1 + 25 * np.square(np.asarray(x, dtype=np.float64))))


@dataclass(frozen=True)
class Samples:
    """Measured points of the function, n each."""

    x: Array
    y: Array


def draw(random: np.random.Generator, clean: int, noisy: int, sigma: float) -> Samples:
    """Draw samples at uniform places, some of them with normal noise.

    Args:
        random: draws the clean samples first, so that adding noisy ones changes none of them.
        clean: number of exact samples.
        noisy: number of samples with noise.
        sigma: standard deviation of the noise.
    """
    x = random.uniform(-1, 1, clean)
    more = random.uniform(-1, 1, noisy)
    noise = sigma * random.normal(size=noisy)
    return Samples(np.append(x, more), np.append(runge(x), runge(more) + noise))


def fit(samples: Samples, degree: int) -> Array:
    """Return the least-squares fit's coefficients in powers of x, degree + 1 of them."""
    found = legendre.legfit(samples.x, samples.y, degree)
    return np.asarray(legendre.leg2poly(found), dtype=np.float64)


def prune(theta: Array, share: float) -> Array:
    """Return the coefficients with the round(share · n) smallest in magnitude set to 0."""
    count = round(share * len(theta))
    pruned = theta.copy()
    pruned[np.argsort(np.abs(theta), kind="stable")[:count]] = 0
    return pruned


def loss(theta: Array) -> float:
    """Return the mean squared distance from Runge's function over [−1, 1]."""
    x, weight = _rule()
    error = polynomial.polyval(x, theta) - runge(x)
    return float(weight @ error**2 / 2)


@cache
def _rule() -> tuple[Array, Array]:
    """Return the nodes and weights of the integral."""
    x, weight = legendre.leggauss(NODES)
    return x, weight


def moments(samples: Samples, degree: int) -> Array:
    """Return the matrix A of a set, (d + 2) × (d + 2): L(θ) = θ̃ᵀAθ̃ is its mean squared error.

    θ̃ = (θ, 1), with θ in Legendre polynomials: the supremum below is the same in every basis.
    """
    features = legendre.legvander(samples.x, degree)
    rows = np.column_stack([features, -samples.y])
    return np.asarray(rows.T @ rows / len(samples.x))


def difficulty(whole: Samples, part: Samples, degree: int) -> float:
    """Return I(D, D̂) = sup over θ of |L(θ) − L̂(θ)| / L(θ), the largest error of a coreset's loss.

    It is the largest |eigenvalue| of (A − B)v = μAv, A and B being the moments of D and D̂. An
    eigenvector whose last entry is 0 is a θ at infinity; the supremum is then approached.

    Raises:
        LinAlgError: some polynomial of that degree fits all of D, so that L(θ) is 0 there.
    """
    a, b = moments(whole, degree), moments(part, degree)
    return float(np.abs(eigh(a - b, a, eigvals_only=True)).max())


def sampled_difficulty(
    whole: Samples, part: Samples, degree: int, random: np.random.Generator, draws: int = 2000
) -> float:
    """Estimate the difficulty as the largest ratio at random θ and at maxima climbed to from them.

    Climbing starts from the three best θ of either sign.

    Args:
        whole: D.
        part: D̂.
        degree: of the polynomials.
        random: draws θ, normal around the best fit, at many distances from it.
        draws: number of θ to draw.
    """
    a, b = moments(whole, degree), moments(part, degree)
    fitted = np.linalg.solve(a[:-1, :-1], -a[:-1, -1])
    floor = float(a[-1, -1] + a[-1, :-1] @ fitted)
    root = np.linalg.cholesky(a[:-1, :-1]).T
    spread = np.sqrt(floor) * solve_triangular(root, np.eye(degree + 1))
    steps = random.normal(size=(draws, degree + 1)) * 10 ** random.uniform(-2, 2, (draws, 1))
    found = _ratio(a, b, fitted + steps @ spread.T)

    def climb(start: Array) -> float:
        def height(step: Array) -> tuple[float, Array]:
            theta = np.append(fitted + spread @ step, 1)
            at = _ratio(a, b, theta[:-1])
            slope = 2 * ((a - b) @ theta - at * (a @ theta)) / (theta @ a @ theta)
            sign = -np.sign(at)
            return float(sign * at), np.asarray(sign * (spread.T @ slope[:-1]))

        return -float(minimize(height, start, jac=True, method="BFGS").fun)

    order = np.argsort(found)
    best = steps[np.append(order[:3], order[-3:])]
    return max(float(np.abs(found).max()), *map(climb, best))


def _ratio(a: Array, b: Array, thetas: Array) -> Array:
    """Return (L − L̂) / L at every θ; the last axis holds the coefficients."""
    extended = np.concatenate([thetas, np.ones((*thetas.shape[:-1], 1))], axis=-1)
    over, under = (np.sum(extended @ m * extended, axis=-1) for m in (a - b, a))
    return np.asarray(over / under)
