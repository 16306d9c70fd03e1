"""gradmatch: match the full gradient by few weighted ones, with orthogonal matching pursuit.

Within each group the solver looks for sparse weights w ≥ 0 that minimise

    ‖Σ_i w_i g_i − Σ_j g_j‖² + λ ‖w‖²        g_i = e_i ⊗ [h_i, 1]

For each place in the quota it adds the sample whose gradient has the largest inner product with
the residual, refits the ridge weights of all added samples, and removes the most negative weight
until none is negative. λ is 0.5 times the group's mean ‖g_i‖². So the fit does not change when
gradients shrink during training; an absolute 0.5 would outweigh them.

The gradients, n × C(E+1) numbers, are never materialised. Their inner products are
(e_i·e_j)(h_i·h_j + 1), and a Cholesky factor grows by one row per pick. Removed samples are not
added again, so a group may end below its quota. It is then filled with samples drawn uniformly,
with weight 1.

Cost: forward pass, and about 2·k·n·(C + E) + n·k² operations per group. The ledger counts the
picks of the quota; refits after a removal, which depend on the data, are not counted.
Needs: features, logits, labels.
Source: Killamsetty et al., "GRAD-MATCH", ICML 2021.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.nn.utils.rnn import pad_sequence

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.coresets.omp_numpy import NumpyPursuit, blas_threads
from swast.coresets.pursuit import Pursuit, bill
from swast.features import Features

RIDGE = 0.5


def pursue(features: Features, groups: Sequence[Group]) -> Pursuit:
    """Run one pursuit over several groups at once, padded to the largest; return it."""
    device = features.hidden.device
    parts = [features.of(group.indices) for group in groups]
    errors = pad_sequence([part.errors.double() for part in parts], batch_first=True)
    hidden = pad_sequence([part.hidden.double() for part in parts], batch_first=True)
    sizes = torch.tensor([len(group.indices) for group in groups], device=device)
    valid = torch.arange(errors.shape[1], device=device) < sizes[:, None]
    norms = errors.square().sum(2) * (hidden.square().sum(2) + 1)
    ridge = RIDGE * norms.sum(1) / sizes.clamp(min=1)
    quotas = torch.tensor([group.quota for group in groups], device=device)
    pursuit = Pursuit(errors, hidden, valid, quotas, ridge)
    pursuit.run()
    return pursuit


def pursue_in_numpy(features: Features, group: Group) -> NumpyPursuit:
    """Run a pursuit over one group with NumPy on the CPU; return it."""
    part = features.of(group.indices)
    errors, hidden = part.errors.double(), part.hidden.double()
    norm2 = torch.linalg.vector_norm(hidden, dim=1).square() + 1
    norm2 *= torch.linalg.vector_norm(errors, dim=1).square()
    ridge = RIDGE * float(norm2.mean()) if len(norm2) else 0.0
    pursuit = NumpyPursuit(errors.numpy(), hidden.numpy(), group.quota, ridge)
    pursuit.run()
    return pursuit


def match(
    features: Features, groups: Sequence[Group]
) -> Iterator[tuple[Group, torch.Tensor, torch.Tensor]]:
    """Yield each group with the picked positions in it, and their weights."""
    if features.hidden.is_cuda:
        pursuit = pursue(features, groups)
        for row, group in enumerate(groups):
            active = pursuit.active[row]
            yield group, pursuit.picks[row][active], pursuit.weights[row][active]
        return
    with blas_threads():
        for group in groups:
            finished = pursue_in_numpy(features, group)
            picks = torch.tensor(finished.picks, dtype=torch.long)
            yield group, picks, torch.from_numpy(finished.weights)


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Select samples that match the gradient of each group."""
    indices, weights = [], []
    for group, places, strengths in match(features, groups):
        fill = fill_up(len(group.indices), places, group.quota - len(places), generator)
        indices.append(group.indices[torch.cat([places, fill])])
        weights += [strengths, strengths.new_ones(len(fill))]
    return Coreset.of(torch.cat(indices), torch.cat(weights))


def fill_up(
    size: int, taken: torch.Tensor, missing: int, generator: torch.Generator
) -> torch.Tensor:
    """Draw ``missing`` positions uniformly from those of 0…size − 1 that are not taken."""
    left = torch.ones(size, dtype=torch.bool)
    left[taken.cpu()] = False
    rest = left.nonzero().flatten()
    return rest[torch.randperm(len(rest), generator=generator)[:missing]].to(taken.device)


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:
    """Return the FLOPs of one pursuit per group."""
    return sum(bill(each.size, each.quota, num_classes, num_features + 1) for each in groups)


GRADMATCH = Scorer(select, solver_flops)
