"""Orthogonal matching pursuit with weights that are not negative, in many groups at once."""

from __future__ import annotations

import torch

PIVOT = 1e-9


class Pursuit:
    """Orthogonal matching pursuit in G groups of up to n atoms at once, in double precision.

    Args:
        errors: e, G × n × C; rows of padding are 0.
        hidden: h, G × n × E; rows of padding are 0.
        valid: which atoms are not padding, G × n.
        quotas: picks a group, G.
        ridge: λ of each group, G.
    """

    def __init__(
        self,
        errors: torch.Tensor,
        hidden: torch.Tensor,
        valid: torch.Tensor,
        quotas: torch.Tensor,
        ridge: torch.Tensor,
    ) -> None:
        self.errors, self.quotas, self.ridge = errors, quotas, ridge
        groups, _, _ = errors.shape
        self.extended = torch.cat([hidden, torch.ones_like(hidden[..., :1])], dim=2)
        picks = int(quotas.max())
        self.rows = torch.arange(groups, device=errors.device)
        self.picks = torch.zeros(groups, picks, dtype=torch.long, device=errors.device)
        self.active = torch.zeros(groups, picks, dtype=torch.bool, device=errors.device)
        self.weights = errors.new_zeros(groups, picks)
        self.columns = errors.new_zeros(groups, errors.shape[1], picks)
        self.gram = torch.eye(picks, dtype=errors.dtype, device=errors.device).repeat(groups, 1, 1)
        self.factor = self.gram.clone()
        self.free = valid.clone()
        total = torch.einsum("gnc,gne->gce", errors, self.extended)
        self.target = (torch.einsum("gce,gne->gnc", total, self.extended) * errors).sum(dim=2)
        self.target_norm2 = total.square().sum(dim=(1, 2))

    def run(self) -> None:
        """Make every pick."""
        for step in range(self.picks.shape[1]):
            self._pick(step)
            self._refit(step + 1)

    @property
    def residual(self) -> torch.Tensor:
        """‖Σ w_i g_i − Σ g_j‖ / ‖Σ g_j‖ of each group, G."""
        weights = self.weights * self.active
        projected = torch.einsum("gt,gt->g", weights, self.target.gather(1, self.picks))
        chosen = self.columns.gather(1, self.picks[..., None].expand(-1, -1, self.picks.shape[1]))
        energy = torch.einsum("gt,gtu,gu->g", weights, chosen, weights)
        norm2 = (self.target_norm2 - 2 * projected + energy).clamp(min=0)
        return (norm2 / self.target_norm2).sqrt()

    def _pick(self, step: int) -> None:
        """Add each group's free atom of largest inner product with the residual, if positive."""
        weights = self.weights[:, :step] * self.active[:, :step]
        gain = self.target - torch.einsum("gnt,gt->gn", self.columns[..., :step], weights)
        best, atom = gain.masked_fill(~self.free, -torch.inf).max(dim=1)
        norm2 = self.errors[self.rows, atom].square().sum(1) * self.extended[
            self.rows, atom
        ].square().sum(1)
        adding = (best > 0) & (step < self.quotas) & (norm2 > 0)
        self.free[self.rows, atom] &= ~adding
        self.picks[:, step] = atom
        self.active[:, step] = adding
        column = torch.einsum("gnc,gc->gn", self.errors, self.errors[self.rows, atom])
        column *= torch.einsum("gne,ge->gn", self.extended, self.extended[self.rows, atom])
        self.columns[..., step] = column
        self._grow_factor(step)

    def _grow_factor(self, step: int) -> None:
        """Append the new atom's row to the Gram matrix and to its Cholesky factor."""
        cross = self.columns[..., step].gather(1, self.picks[:, :step])
        cross = cross * self.active[:, :step] * self.active[:, step : step + 1]
        own = self.columns[self.rows, self.picks[:, step], step] + self.ridge
        own = torch.where(self.active[:, step], own, torch.ones_like(own))
        self.gram[:, step, :step] = self.gram[:, :step, step] = cross
        self.gram[:, step, step] = own
        row = torch.linalg.solve_triangular(
            self.factor[:, :step, :step], cross[..., None], upper=False
        )[..., 0]
        pivot = (own - row.square().sum(dim=1)).clamp(min=PIVOT * own)
        self.factor[:, step, :step] = row
        self.factor[:, step, step] = pivot.sqrt()

    def _refit(self, size: int) -> None:
        """Ridge weights of all active atoms; take out the most negative until none is."""
        target = self.target.gather(1, self.picks[:, :size])
        while True:
            right = (target * self.active[:, :size])[..., None]
            solved = torch.cholesky_solve(right, self.factor[:, :size, :size])[..., 0]
            self.weights[:, :size] = solved
            lowest, place = solved.min(dim=1)
            negative = lowest < 0
            if not bool(negative.any()):
                return
            self._take_out(place[negative], self.rows[negative], size)

    def _take_out(self, places: torch.Tensor, rows: torch.Tensor, size: int) -> None:
        """Remove one atom from each of some groups and factor what is left of their Gram."""
        self.active[rows, places] = False
        self.gram[rows, places, :] = 0
        self.gram[rows, :, places] = 0
        self.gram[rows, places, places] = 1
        self.factor[rows, :size, :size] = torch.linalg.cholesky(self.gram[rows, :size, :size])


def bill(atoms: int, picks: int, rank: int, width: int) -> int:
    """FLOPs of a pursuit: its target, then a kernel column, correlations and a refit a pick.

    Args:
        atoms: to pick from (n).
        picks: that are made (k); refits after an atom is taken out are not counted.
        rank: length of e.
        width: length of [h, 1].
    """
    first = 4 * atoms * rank * width + 2 * atoms * rank
    columns = picks * 2 * atoms * (rank + width) + atoms * picks * (picks - 1)
    return first + columns + picks * (picks + 1) * (2 * picks + 1) // 2
