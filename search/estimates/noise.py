"""Variance between trainings of one configuration with different seeds, in logits.

It depends on the score: near collapse a training may fail or not, and its standard deviation is
ten times that of a good one. Its logarithm is a straight line in the logit of the score, and level
above the best scores. The line is estimated from configurations that were trained more than once:
their sample variances follow a gamma distribution. A prior keeps it sensible with few of them, or
none. At the best scores it is a part of the binomial variance of the validation set: all trainings
share the set, so that some of this variance is common to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

Array = NDArray[np.float64]
SAMPLES = 250
"""Size that stands for an unknown one of the validation set: a small one, to be cautious."""
SLOPE = -0.7
"""Prior mean of the line's slope, of log variance in logits."""
DEVIATIONS = (1.0, 0.5)
"""Prior standard deviations of the line's height and slope."""
BINOMIAL = 0.7
"""Prior mean of the variance at the best scores, over the binomial variance."""
SPAN, MOST = 12.0, 4.0
"""The line ends so far above its height, as a logarithm, and at this variance."""
STEPS = 50


@dataclass(frozen=True)
class SeedNoise:
    """Line of the log variance of one reading over the logit of the score.

    Attributes:
        top: logit from which on the line is level.
        height: log variance there.
        slope: change of the log variance with the logit.
        doubt: covariance of height and slope, 2 × 2.
    """

    top: float
    height: float
    slope: float
    doubt: Array = field(default_factory=lambda: np.diag(np.square(DEVIATIONS)))

    def variance(self, logits: ArrayLike) -> Array:
        """Return the variance of a reading, in squared logits.

        Args:
            logits: of mean scores.
        """
        below = np.minimum(np.asarray(logits, dtype=float) - self.top, 0)
        line = np.clip(self.slope * below, -SPAN, SPAN)
        return np.minimum(np.exp(self.height + line), MOST)

    def freedom(self, logits: ArrayLike) -> Array:
        """Return how many degrees of freedom the variance has, as if it were a sample's.

        The logarithm of a sample variance of n degrees has a variance of about 2 / (n - 1).

        Args:
            logits: of mean scores.
        """
        below = np.minimum(np.asarray(logits, dtype=float) - self.top, 0)
        below = np.maximum(below, -SPAN)
        rows = np.stack([np.ones_like(below), below])
        return np.asarray(1 + 2 / np.einsum("i...,ij,j...", rows, self.doubt, rows))


def prior(top: float, samples: int | None) -> SeedNoise:
    """Return the noise before any configuration was trained twice.

    Args:
        top: logit of the best scores.
        samples: size of the validation set; None if it is unknown.
    """
    share = float(expit(top))
    binomial = 1 / ((samples or SAMPLES) * share * (1 - share))
    return SeedNoise(top, math.log(BINOMIAL * binomial), SLOPE)


def seed_noise(
    logits: ArrayLike, squares: ArrayLike, degrees: ArrayLike, before: SeedNoise
) -> SeedNoise:
    """Return the most probable noise, given the spread of repeated trainings.

    Args:
        logits: mean of each repeated configuration's readings, n.
        squares: sample variance of its readings, n.
        degrees: degrees of freedom of that variance (readings less 1), n.
        before: the prior.
    """
    x = np.minimum(np.asarray(logits, dtype=float) - before.top, 0)
    seen, freedom = np.asarray(squares, dtype=float), np.asarray(degrees, dtype=float)
    rows = np.stack([np.ones_like(x), x])
    middle, weights = np.array([before.height, before.slope]), 1 / np.array(DEVIATIONS) ** 2
    line = middle.copy()
    for _ in range(STEPS):  # Newton's method on a convex function
        ratio = seen * np.exp(-np.clip(line @ rows, -SPAN - 20, SPAN + 20))
        gradient = rows @ (freedom / 2 * (1 - ratio)) + weights * (line - middle)
        curvature = (rows * (freedom / 2 * ratio)) @ rows.T + np.diag(weights)
        step = np.linalg.solve(curvature, gradient)
        line = line - step * min(1.0, 2 / float(np.abs(step).max() + 1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return SeedNoise(before.top, float(line[0]), float(line[1]), np.linalg.inv(curvature))
