"""gradmatch: orthogonal matching pursuit so that weighted gradients sum to the full gradient.

Within each group it looks for few weights w ≥ 0 that make

    ‖Σ_i w_i g_i − Σ_j g_j‖² + λ ‖w‖²        g_i = e_i ⊗ [h_i, 1]

small: add the sample whose gradient has the largest inner product with the residual, refit the
ridge weights of all that were added, take out the most negative until none is, and repeat, once
for each place in the quota. λ = 0.5 times the group's mean ‖g_i‖², so that the fit does not
change when gradients shrink as training goes on (an absolute 0.5 would outweigh them).

The gradients (n × C(E+1) numbers) are never built. Their inner products are
(e_i·e_j)(h_i·h_j + 1); all groups advance together, and a Cholesky factor grows by a row a pick.
A group that ends short of its quota (a sample taken out does not come back) is filled up with
samples drawn evenly at weight 1: each stands for itself.

Cost: forward pass, and about 2·k·n·(C + E) + n·k² operations a group. The ledger bills the quota's
picks; the refits after a sample is taken out, which depend on the data, are not billed.
Needs: features, logits, labels.
Source: Killamsetty et al., "GRAD-MATCH", ICML 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.features import Features

RIDGE = 0.5
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


def pursue(features: Features, groups: Sequence[Group]) -> Pursuit:
    """The finished pursuit over padded groups."""
    device = features.hidden.device
    longest = max(len(group.indices) for group in groups)
    errors = torch.zeros(len(groups), longest, features.logits.shape[1], dtype=torch.float64)
    hidden = torch.zeros(len(groups), longest, features.hidden.shape[1], dtype=torch.float64)
    valid = torch.zeros(len(groups), longest, dtype=torch.bool)
    errors, hidden, valid = errors.to(device), hidden.to(device), valid.to(device)
    all_errors = features.errors
    for row, group in enumerate(groups):
        count = len(group.indices)
        errors[row, :count] = all_errors[group.indices].double()
        hidden[row, :count] = features.hidden[group.indices].double()
        valid[row, :count] = True
    norms = errors.square().sum(2) * (hidden.square().sum(2) + 1)
    ridge = RIDGE * norms.sum(1) / valid.sum(1).clamp(min=1)
    quotas = torch.tensor([group.quota for group in groups], device=device)
    pursuit = Pursuit(errors, hidden, valid, quotas, ridge)
    pursuit.run()
    return pursuit


def select(features: Features, groups: Sequence[Group], generator: torch.Generator) -> Coreset:
    """Match the gradient of each group."""
    pursuit = pursue(features, groups)
    indices, weights = [], []
    for row, group in enumerate(groups):
        active = pursuit.active[row]
        places = pursuit.picks[row][active]
        left = torch.ones(len(group.indices), dtype=torch.bool)
        left[places.cpu()] = False
        rest = left.nonzero().flatten()
        fill = rest[torch.randperm(len(rest), generator=generator)[: group.quota - len(places)]]
        indices += [group.indices[places], group.indices[fill.to(places.device)]]
        weights += [pursuit.weights[row][active], pursuit.weights.new_ones(len(fill))]
    return Coreset.of(torch.cat(indices), torch.cat(weights))


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:
    """Target and first correlations; then a kernel column, correlations and a refit a pick."""
    total = 0
    for group in groups:
        n, k = group.size, group.quota
        width = num_features + 1
        total += 4 * n * num_classes * width + 2 * n * num_classes
        total += k * 2 * n * (num_classes + width)
        total += n * k * (k - 1)
        total += k * (k + 1) * (2 * k + 1) // 2
    return total


GRADMATCH = Scorer(select, solver_flops)
