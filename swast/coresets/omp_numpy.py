"""Orthogonal matching pursuit in NumPy, for one group on a CPU.

It computes the same as `swast.coresets.pursuit`, which is for GPUs and batches many groups. On a
CPU one group at a time is faster: a pick is one pass over the group's features, which stay in the
CPU's cache, and a dozen small operations, which NumPy starts several times faster than PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from swast.coresets.pursuit import PIVOT

Array = NDArray[np.float64]


class NumpyPursuit:
    """Orthogonal matching pursuit in one group of n atoms e ⊗ [h, 1], in double precision.

    Args:
        errors: e, n × C.
        hidden: h, n × E.
        quota: number of picks.
        ridge: λ.

    Attributes:
        picks: atoms that were picked and not removed, in order of picking.
        weights: weights of the picks.
        target: inner products of the atoms with their sum, n.
    """

    def __init__(self, errors: Array, hidden: Array, quota: int, ridge: float) -> None:
        self._errors, self._hidden, self._quota, self._ridge = errors, hidden, quota, ridge
        self.picks: list[int] = []
        self.weights = np.empty(0)
        self._barred = np.zeros(len(errors))  # −∞ for picked atoms
        self._columns = np.empty((quota, len(errors)))
        self._inverse = np.zeros((quota, quota))  # L⁻¹ of the picks' Gram matrix L Lᵀ
        total, bias = (hidden.T @ errors).T, errors.sum(axis=0)
        self.target: Array = np.einsum("nc,nc->n", hidden @ total.T + bias, errors)

    def run(self) -> None:
        """Run the pursuit to the end, or until no pick improves it."""
        for left in reversed(range(self._quota)):
            if not self._pick(last=left == 0):
                return
            self._refit()

    def _pick(self, *, last: bool) -> bool:
        """Add the free atom of largest inner product with the residual, if that is positive.

        For the last pick, inner products with unpicked atoms are not needed and not computed.
        """
        size = len(self.picks)
        columns = self._columns[:size]
        gain = self.target - self.weights @ columns + self._barred
        atom = int(gain.argmax())
        hidden, errors = self._hidden[atom], self._errors[atom]
        own = float(hidden @ hidden + 1) * float(errors @ errors)
        if not (gain[atom] > 0 and own > 0):
            return False
        inverse = self._inverse[:size, :size]
        row = inverse @ columns[:, atom]
        pivot = max(own + self._ridge - float(row @ row), PIVOT * own) ** 0.5
        self._inverse[size, :size] = row @ inverse / -pivot
        self._inverse[size, size] = 1 / pivot
        self._barred[atom] = -np.inf
        self.picks.append(atom)
        asked = self.picks if last else slice(None)
        products = (self._hidden[asked] @ hidden + 1) * (self._errors[asked] @ errors)
        self._columns[size, asked] = products
        return True

    def _refit(self) -> None:
        """Refit the ridge weights of all picks; remove the lowest until none is negative."""
        while True:
            size = len(self.picks)
            inverse = self._inverse[:size, :size]
            self.weights = (inverse @ self.target[self.picks]) @ inverse
            place = int(self.weights.argmin()) if size else 0
            if not size or self.weights[place] >= 0:
                return
            self._take_out(place)

    def _take_out(self, place: int) -> None:
        """Remove a pick, and refactor the Gram matrix of the rest."""
        del self.picks[place]
        size = len(self.picks)
        self._columns[place:size] = self._columns[place + 1 : size + 1].copy()
        gram = self._columns[:size, self.picks]
        gram[np.diag_indices(size)] += self._ridge
        self._inverse[:size, :size] = np.linalg.inv(np.linalg.cholesky(gram))


@contextmanager
def blas_threads() -> Iterator[None]:
    """Run NumPy with as many threads as PyTorch inside the block, since rounding depends on it."""
    with _pools().limit(limits=torch.get_num_threads(), user_api="blas"):
        yield


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()
