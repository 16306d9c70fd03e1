"""A Gaussian process of the score over configurations: the door to BoTorch.

BoTorch's SingleTaskGP has a squared exponential kernel with a length scale for every feature, and
priors on these that grow with their number (Hvarfner et al., Vanilla Bayesian Optimization
Performs Great in High Dimensions, 2024). It runs in double precision, on one thread.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ITERATIONS = 40
"""The most steps of L-BFGS when hyperparameters are fitted."""
GROWTH = 1.1
"""Hyperparameters are fitted again after this much more data."""
NOISE = 1e-4
"""The least noise variance of standardised values."""
NOISE_PRIOR = (-4.0, 1.0)
"""BoTorch's prior on the logarithm of further noise: mean and standard deviation."""


class Surrogate:
    """Gaussian process that is given all data each time and keeps its hyperparameters.

    They are fitted at first and whenever there is a tenth more data, starting from the last fit.
    """

    def __init__(self) -> None:
        self._state: dict[str, Any] | None = None
        self._fitted_at = 0
        self._model: Any = None
        self._data: tuple[Array, Array, Array] | None = None
        self._scale = (0.0, 1.0)

    def learn(
        self, points: Array, values: Array, variances: Array, seen: int | None = None
    ) -> None:
        """Condition on values at points.

        Args:
            points: n × features, in [0, 1].
            values: n, of any scale.
            variances: noise variance of each value beyond the common noise, n.
            seen: number of values before any was left out; by default that of these.
        """
        seen = len(values) if seen is None else seen
        level, spread = float(values.mean()), max(float(values.std()), 1e-6)
        self._scale = (level, spread)
        self._data = (points, (values - level) / spread, variances / spread**2)
        with _quiet():
            if seen >= max(GROWTH * self._fitted_at, self._fitted_at + 2):
                self._fit()
                self._fitted_at = seen
            self._model = self._made(*self._data)

    def believe(self, points: Array) -> Array:
        """Condition on the predicted values at points as if observed; return these values.

        This is for points under trial: the mean stays, the uncertainty there goes (the "kriging
        believer" of Ginsbourger et al., 2010).
        """
        means = self.predict(points)[0]
        assert self._data is not None
        level, spread = self._scale
        known, values, variances = self._data
        self._data = (
            np.concatenate([known, points]),
            np.concatenate([values, (means - level) / spread]),
            np.concatenate([variances, np.zeros(len(points))]),
        )
        with _quiet():
            self._model = self._made(*self._data)
        return means

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at m points, without the noise."""
        import torch

        level, spread = self._scale
        with _quiet(), torch.no_grad():
            posterior = self._model.posterior(torch.from_numpy(points))
            mean, variance = posterior.mean[:, 0].numpy(), posterior.variance[:, 0].numpy()
        return level + spread * mean, spread * np.sqrt(np.maximum(variance, 1e-12))

    def _fit(self) -> None:
        """Fit hyperparameters; keep the last ones if that fails.

        Where a fit fails, BoTorch begins again at random, here always at the same places.
        """
        import torch
        from botorch.exceptions.errors import ModelFittingError
        from botorch.fit import fit_gpytorch_mll
        from gpytorch.mlls import ExactMarginalLogLikelihood

        assert self._data is not None
        model = self._made(*self._data)
        limits = {"options": {"maxiter": ITERATIONS}}
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)  # noqa: TID251 - BoTorch takes no generator
                fit_gpytorch_mll(
                    ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs=limits
                )
        except ModelFittingError:
            return
        self._state = model.state_dict()

    def _made(self, points: Array, values: Array, variances: Array) -> Any:  # noqa: ANN401
        """Return a model of values with the last hyperparameters."""
        import torch
        from botorch.models import SingleTaskGP
        from gpytorch.likelihoods import FixedNoiseGaussianLikelihood
        from gpytorch.priors import LogNormalPrior

        likelihood = FixedNoiseGaussianLikelihood(
            noise=torch.from_numpy(variances + NOISE),
            learn_additional_noise=True,
            noise_prior=LogNormalPrior(*NOISE_PRIOR),
        ).double()
        likelihood.second_noise_covar.initialize(noise=math.exp(NOISE_PRIOR[0]))
        model = SingleTaskGP(
            torch.from_numpy(points),
            torch.from_numpy(values)[:, None],
            likelihood=likelihood,
            outcome_transform=None,
        )
        if self._state is not None:
            model.load_state_dict(self._state)
        return model.eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Use one thread, and silence the libraries' warnings on themselves and their numerics."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.script", category=FutureWarning)
        import torch
        from botorch.exceptions.warnings import BotorchWarning
        from linear_operator.utils.warnings import NumericalWarning

        warnings.simplefilter("ignore", BotorchWarning)
        warnings.simplefilter("ignore", NumericalWarning)
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
