"""glister: select samples whose gradient steps reduce the loss on held-out samples most.

The solver is greedy, with a first-order Taylor approximation in the last layer. After a step
θ' = θ − η Σ g_i with the selected samples, the gain of sample j is ⟨g_j, ∇L_V(θ')⟩. The gradient
on V is recomputed 15 times while the quota fills; in between, the samples of largest gain are
selected. The step is normalised by the quota, so that η does not depend on the coreset's size.

V is a tenth of the training samples, drawn anew at each selection; the validation set is never
used for selection. V and the candidates are apart, as in the authors' code: a sample of V is
selected only if its group has no other left to fill the quota.
Cost: 15·(4·|V|·C·E + 2·N·C·E) operations. Needs: features, logits, labels.
Source: Killamsetty et al., "GLISTER", AAAI 2021 (the R-greedy form of its code).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer, held_out_size
from swast.features import Features

ROUNDS = 15
STEP = 1.0


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Fill the quotas of all groups in 15 rounds, with a common gradient step."""
    total = sum(group.quota for group in groups)
    errors, extended = features.errors, features.extended
    held = torch.randperm(len(errors), generator=generator)[: held_out_size(len(errors))]
    held = held.to(errors.device)
    taken = torch.zeros(len(errors), dtype=torch.bool, device=errors.device)
    last_resort = taken.index_fill(0, held, True)
    for step in range(1, ROUNDS + 1):
        chosen = taken.nonzero().flatten()
        move = STEP / total * errors[chosen].T @ extended[chosen]
        logits = features.logits[held] - extended[held] @ move.T
        gradient = Features(features.hidden[held], logits, features.labels[held]).errors
        gain = (errors @ (gradient.T @ extended[held]) * extended).sum(dim=1)
        for group in groups:
            want = group.quota * step // ROUNDS - int(taken[group.indices].sum())
            order = group.indices[gain[group.indices].argsort(descending=True, stable=True)]
            order = order[~taken[order]]
            order = order[last_resort[order].int().argsort(stable=True)]
            taken[order[:want]] = True
    return Coreset.of(taken.nonzero().flatten())


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:
    """Return the FLOPs of a step, its logits and gradient on V, and all gains, in each round."""
    size = sum(group.size for group in groups)
    chosen = sum(group.quota for group in groups)
    width = num_classes * (num_features + 1)
    return ROUNDS * 2 * width * (chosen // 2 + 2 * held_out_size(size) + size)


GLISTER = Scorer(select, solver_flops)
