"""Measurements of polynomial fits for figure 1, seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from studies.paper.runge import (
    Array,
    Samples,
    difficulty,
    draw,
    fit,
    loss,
    prune,
    sampled_difficulty,
)

DEGREE, SHARE, SIGMA, EXACT = 10, 0.45, 0.3, 30
"""Degree of the polynomials; share of coefficients pruned; standard deviation of the noise;
exact samples beside the noisy ones."""
COUNTS = (15, 20, 30, 50, 100, 200, 500, 1000)
NOISY = (5, 10, 20, 50, 100, 200, 500)
DEGREES = tuple(range(13))
WHOLE, PART = 200, 40
"""Number of samples, and number of them that are selected."""


def losses(samples: Samples) -> tuple[float, float, float]:
    """Return the losses of the fit: not pruned, pruned in powers of x, in Legendre polynomials."""
    theta = fit(samples, DEGREE)
    turned = prune(np.asarray(legendre.poly2leg(theta), dtype=np.float64), SHARE)
    back = np.asarray(legendre.leg2poly(turned), dtype=np.float64)
    return loss(theta), loss(prune(theta, SHARE)), loss(back)


@dataclass(frozen=True)
class Measured:
    """All measurements, a row a seed.

    Attributes:
        exact: losses by kind with `COUNTS` exact samples, seeds × counts × 3.
        noisy: the same with 30 exact and `NOISY` noisy samples.
        instead: the same with as many exact samples in place of the noisy ones.
        hard, seen: the difficulty in closed form and as sampled, seeds × degrees.
    """

    exact: Array
    noisy: Array
    instead: Array
    hard: Array
    seen: Array


def measure(seeds: Sequence[int]) -> Measured:
    """Fit, prune and select with every seed; all fits of a seed share their samples."""

    def over(counts: Sequence[int], make: Callable[[np.random.Generator, int], Samples]) -> Array:
        rows = [
            [losses(make(np.random.default_rng(seed), count)) for count in counts]
            for seed in seeds
        ]
        return np.array(rows)

    selections = [_selection(seed) for seed in seeds]
    return Measured(
        exact=over(COUNTS, lambda random, count: draw(random, count, 0, 0)),
        noisy=over(NOISY, lambda random, count: draw(random, EXACT, count, SIGMA)),
        instead=over(NOISY, lambda random, count: draw(random, EXACT, count, 0)),
        hard=np.array([[difficulty(*each, degree) for degree in DEGREES] for each in selections]),
        seen=np.array(
            [
                [
                    sampled_difficulty(*each, degree, np.random.default_rng([seed, degree]))
                    for degree in DEGREES
                ]
                for seed, each in zip(seeds, selections, strict=True)
            ]
        ),
    )


def _selection(seed: int) -> tuple[Samples, Samples]:
    """Return all samples, and those chosen at random."""
    random = np.random.default_rng(seed)
    whole = draw(random, WHOLE, 0, 0)
    chosen = random.choice(WHOLE, PART, replace=False)
    return whole, Samples(whole.x[chosen], whole.y[chosen])
