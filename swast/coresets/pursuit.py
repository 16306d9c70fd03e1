"""Orthogonal matching pursuit with non-negative weights, batched over groups, in PyTorch."""

from __future__ import annotations

import torch

PIVOT = 1e-9


class Pursuit:
    """Orthogonal matching pursuit in G groups of up to n atoms at once, in double precision.

    An atom is e ⊗ [h, 1]. Atoms are never materialised; of their inner products
    (e_i·e_j)(h_i·h_j + 1), only those with the picked atoms are computed.

    Args:
        errors: e, G × n × C; padding rows are 0.
        hidden: h, G × n × E; padding rows are 0.
        valid: mask of the atoms that are not padding, G × n.
        quotas: number of picks per group, G.
        ridge: λ of each group, G.

    Attributes:
        picks: the atom of each pick, G × k.
        active: mask of the picks that were made and not removed, G × k.
        weights: weight of each pick, 0 if not active, G × k.
        free: mask of the atoms that can still be picked, G × n.
        target: inner products of the atoms with their sum, G × n.
        columns: inner products of the picked atoms with all, G × k × n.
    """

    def __init__(
        self,
        errors: torch.Tensor,
        hidden: torch.Tensor,
        valid: torch.Tensor,
        quotas: torch.Tensor,
        ridge: torch.Tensor,
    ) -> None:
        self.errors, self.hidden, self.quotas, self.ridge = errors, hidden, quotas, ridge
        groups, atoms, _ = errors.shape
        picks = int(quotas.max())
        self.rows = torch.arange(groups, device=errors.device)
        self.picks = torch.zeros(groups, picks, dtype=torch.long, device=errors.device)
        self.active = torch.zeros(groups, picks, dtype=torch.bool, device=errors.device)
        self.weights = errors.new_zeros(groups, picks)
        self.columns = errors.new_zeros(groups, picks, atoms)
        self.gram = torch.eye(picks, dtype=errors.dtype, device=errors.device).repeat(groups, 1, 1)
        self.factor = self.gram.clone()
        self.free = valid.clone()
        total, bias = errors.mT @ hidden, errors.sum(dim=1)
        self.target = ((hidden @ total.mT + bias[:, None]) * errors).sum(dim=2)
        self.target_norm2 = total.square().sum(dim=(1, 2)) + bias.square().sum(dim=1)
        self._right = errors.new_zeros(groups, picks)

    def run(self) -> None:
        """Run the pursuit to the end."""
        for step in range(self.picks.shape[1]):
            self._pick(step)
            self._refit(step + 1)

    @property
    def residual(self) -> torch.Tensor:
        """Relative residual ‖Σ w_i g_i − Σ g_j‖ / ‖Σ g_j‖ of each group, G."""
        projected = (self.weights * self.target.gather(1, self.picks)).sum(dim=1)
        products = self.columns.gather(2, self.picks[:, None].expand_as(self.gram))
        energy = (products @ self.weights[..., None])[..., 0].mul_(self.weights).sum(dim=1)
        norm2 = (self.target_norm2 - 2 * projected + energy).clamp(min=0)
        return (norm2 / self.target_norm2).sqrt()

    def _pick(self, step: int) -> None:
        """Add each group's free atom of largest inner product with the residual, if positive."""
        gain = self.target - times(self.columns[:, :step].mT, self.weights[:, :step])
        best, atom = gain.masked_fill_(~self.free, -torch.inf).max(dim=1)
        column = times(self.hidden, self.hidden[self.rows, atom]).add_(1)
        column *= times(self.errors, self.errors[self.rows, atom])
        own = column[self.rows, atom]
        adding = (best > 0) & (step < self.quotas) & (own > 0)
        self.free[self.rows, atom] &= ~adding
        self.picks[:, step], self.active[:, step] = atom, adding
        self._right[:, step] = self.target[self.rows, atom] * adding
        self._grow_factor(step, atom, own)
        self.columns[:, step] = column

    def _grow_factor(self, step: int, atom: torch.Tensor, own: torch.Tensor) -> None:
        """Append the new atom's row to the Gram matrix and to its Cholesky factor."""
        adding = self.active[:, step]
        cross = self.columns[self.rows, :step, atom] * (self.active[:, :step] & adding[:, None])
        own = torch.where(adding, own + self.ridge, torch.ones_like(own))
        self.gram[:, step, :step] = self.gram[:, :step, step] = cross
        self.gram[:, step, step] = own
        row = torch.linalg.solve_triangular(
            self.factor[:, :step, :step], cross[..., None], upper=False
        )[..., 0]
        pivot = (own - row.square().sum(dim=1)).clamp(min=PIVOT * own)
        self.factor[:, step, :step] = row
        self.factor[:, step, step] = pivot.sqrt()

    def _refit(self, size: int) -> None:
        """Refit the ridge weights of active atoms; remove the lowest until none is negative."""
        while True:
            right, factor = self._right[:, :size, None], self.factor[:, :size, :size]
            solved = torch.cholesky_solve(right, factor)[..., 0]
            self.weights[:, :size] = solved
            lowest, place = solved.min(dim=1)
            negative = lowest < 0
            if not bool(negative.any()):
                return
            self._take_out(place[negative], self.rows[negative], size)

    def _take_out(self, places: torch.Tensor, rows: torch.Tensor, size: int) -> None:
        """Remove one atom from each of some groups and refactor their Gram matrices."""
        self.active[rows, places] = False
        self._right[rows, places] = 0
        self.gram[rows, places, :] = 0
        self.gram[rows, :, places] = 0
        self.gram[rows, places, places] = 1
        self.factor[rows, :size, :size] = torch.linalg.cholesky(self.gram[rows, :size, :size])


def times(matrices: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Multiply each matrix by its vector: G × m from G × m × n and G × n.

    For a single matrix, a plain product is twice as fast on a CPU.
    """
    if len(matrices) == 1:
        return (matrices[0] @ vectors[0])[None]
    return torch.bmm(matrices, vectors[..., None])[..., 0]


def bill(atoms: int, picks: int, rank: int, width: int) -> int:
    """Return the FLOPs of a pursuit: the target, then a column, correlations and a refit per pick.

    Args:
        atoms: number of atoms (n).
        picks: number of picks (k); refits after a removal are not counted.
        rank: length of e.
        width: length of [h, 1].
    """
    first = 4 * atoms * rank * width + 2 * atoms * rank
    columns = picks * 2 * atoms * (rank + width) + atoms * picks * (picks - 1)
    return first + columns + picks * (picks + 1) * (2 * picks + 1) // 2
