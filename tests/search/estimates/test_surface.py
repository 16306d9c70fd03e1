"""The Gaussian process over configurations, against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from search.estimates.surface import LEAST, PRIORS, Distances, condition, covariance, fit

POINTS = 30


@pytest.fixture
def scene():
    draw = np.random.default_rng(3)
    features, costs = draw.random((POINTS, 3)), 10 ** draw.uniform(-2, 0, POINTS)
    values = np.sin(4 * features[:, 0]) + np.log10(costs) + 0.1 * draw.standard_normal(POINTS)
    values = (values - values.mean()) / values.std()
    return features, Distances.between(features, costs), values, draw.uniform(0.01, 0.2, POINTS)


def test_conditioning_is_scikit_learns(scene):
    """With one function of the configuration, and no deviations of its own."""
    features, away, values, variances = scene
    apart = ((features[:, None] - features[None]) ** 2).sum(axis=2)
    assert away.settings * apart.mean() == pytest.approx(apart, abs=1e-9)
    logs = np.array([0.3, -0.2, -30.0, 0.0, -30.0])
    kernel = ConstantKernel(math.exp(0.3)) * RBF(math.exp(-0.2) * math.sqrt(apart.mean()))
    theirs = GaussianProcessRegressor(kernel, alpha=variances + LEAST, optimizer=None)
    mean, spread = theirs.fit(features, values).predict(features, return_cov=True)
    ours = condition(covariance(away, logs), values, variances)
    assert ours.mean == pytest.approx(mean, abs=1e-6)
    assert ours.covariance == pytest.approx(spread, abs=1e-6)
    theirs = GaussianProcessRegressor(kernel, alpha=(variances + LEAST)[1:], optimizer=None)
    left_out = theirs.fit(features[1:], values[1:]).predict(features[:1])
    assert ours.without[0] == pytest.approx(left_out[0], abs=1e-6)


def test_hyperparameters_are_the_most_probable_ones(scene):
    """The density's gradient is 0 there, by scikit-learn's likelihood and the stated priors."""
    _, away, values, variances = scene
    found = fit(away, values, variances)

    def density(logs):
        off = (logs - PRIORS[:, 0]) / PRIORS[:, 1]
        total = covariance(away, logs) + np.diag(variances + LEAST)
        one = GaussianProcessRegressor(WhiteKernel(1e-12), alpha=1.0, optimizer=None)
        assert one.get_params()["alpha"] == 1.0
        sign, log = np.linalg.slogdet(total)
        assert sign == 1
        return -(values @ np.linalg.solve(total, values) + log + off @ off) / 2

    assert approx_fprime(found, density, 1e-6) == pytest.approx(0, abs=0.01)
    for each in range(len(found)):
        step = 0.3 * np.eye(len(found))[each]
        assert density(found) > max(density(found + step), density(found - step))
