"""gradmatch-batch: gradient matching over mini-batches, far cheaper than over single samples.

Each group is shuffled and divided into mini-batches of 32. An atom is the mean gradient of a
batch; the target is the sum of all atoms. Batches are picked until they fill the quota, the last
one possibly in part, and each sample inherits its batch's weight. (CORDS divides one fixed order
into batches, without shuffling.)

Cost: forward pass, and about 6·n·C·E operations to build the n/32 mean gradients, which have no
product form, unlike those of samples; the pursuit over them is small. Needs: features, logits,
labels.
Source: Killamsetty et al., "GRAD-MATCH", ICML 2021 (GRAD-MATCH-PB).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.coresets.gradmatch import RIDGE, fill_up
from swast.coresets.pursuit import Pursuit, bill
from swast.features import Features

BATCH = 32


def mean_gradients(features: Features, batches: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean last-layer gradient of each batch, flattened, batches × C(E + 1)."""
    errors, extended = features.errors.double(), features.extended.double()
    return torch.stack(
        [(errors[batch].T @ extended[batch]).flatten() / len(batch) for batch in batches]
    )


def pick_batches(
    atoms: torch.Tensor, count: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pick ``count`` atoms by pursuit, and draw the rest uniformly if it ends early.

    Returns:
        Their positions and weights.
    """
    ridge = RIDGE * atoms.square().sum(dim=1).mean()
    pursuit = Pursuit(
        atoms[None],
        atoms.new_zeros(1, len(atoms), 0),
        torch.ones(1, len(atoms), dtype=torch.bool, device=atoms.device),
        torch.tensor([count], device=atoms.device),
        ridge[None],
    )
    pursuit.run()
    active = pursuit.active[0]
    places = pursuit.picks[0][active]
    fill = fill_up(len(atoms), places, count - len(places), generator)
    weights = torch.cat([pursuit.weights[0][active], pursuit.weights.new_ones(len(fill))])
    return torch.cat([places, fill]), weights


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Select mini-batches that match the gradient of each group."""
    indices, weights = [], []
    for group in groups:
        if not group.quota:
            continue
        order = torch.randperm(len(group.indices), generator=generator)
        batches = group.indices[order.to(group.indices.device)].split(BATCH)
        atoms = mean_gradients(features, batches)
        # The last batch may be short. One atom more than the quota needs makes up for it.
        count = min(len(batches), -(-group.quota // BATCH) + 1)
        places, strengths = pick_batches(atoms, count, generator)
        chosen = [batches[place] for place in places.tolist()]
        members = torch.cat(chosen)[: group.quota]
        sizes = torch.tensor([len(batch) for batch in chosen], device=strengths.device)
        indices.append(members)
        weights.append(strengths.repeat_interleave(sizes)[: group.quota])
    return Coreset.of(torch.cat(indices), torch.cat(weights))


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:
    """Return the FLOPs of the mean gradients, and of a pursuit over them."""
    total, length = 0, num_classes * (num_features + 1)
    for group in groups:
        atoms = -(-group.size // BATCH)
        picks = min(atoms, -(-group.quota // BATCH) + 1) if group.quota else 0
        total += 2 * group.size * length + (bill(atoms, picks, length, 1) if picks else 0)
    return total


GRADMATCH_BATCH = Scorer(select, solver_flops)
