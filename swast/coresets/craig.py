"""craig: cover the gradients of all samples with few samples, weighted by the number they cover.

The solver is greedy facility location in each group: it minimises Σ_i min_{j in S} ‖g_i − g_j‖
over the last layer's gradients. The weight of a selected sample is the number of samples nearest
to it, itself included, so the weights sum to the group's size. The greedy search is lazy: gains
only fall as samples are added, so it recomputes only those that could still be the largest.

Distances are computed from inner products (e_i·e_j)(h_i·h_j + 1), one column at a time, without an
n × n matrix. Cost: forward pass, and 2·n²·(C + E) operations per group for the first gains. The
ledger counts those and one column per pick; recomputed gains, which depend on the data, are not
counted.
Needs: features, logits, labels.
Source: Mirzasoleiman, Bilmes, Leskovec, "Coresets for Data-efficient Training", ICML 2020.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import torch

from swast.config import CoresetConfig
from swast.coresets.base import Coreset, Group, GroupSize, Scorer
from swast.features import Features

BLOCK = 256


class Distances:
    """Distances between last-layer gradients, computed column by column.

    Args:
        errors: e, n × C.
        hidden: h, n × E.
    """

    def __init__(self, errors: torch.Tensor, hidden: torch.Tensor) -> None:
        self._errors = errors.double()
        ones = torch.ones_like(hidden[:, :1])
        self._hidden = torch.cat([hidden, ones], dim=1).double()
        self._norms = self._errors.square().sum(1) * self._hidden.square().sum(1)

    def __len__(self) -> int:
        return len(self._norms)

    def columns(self, places: torch.Tensor) -> torch.Tensor:
        """Return ‖g_i − g_j‖ for all i and the given j, n × len(places)."""
        inner = (self._errors @ self._errors[places].T) * (self._hidden @ self._hidden[places].T)
        squared = self._norms[:, None] + self._norms[places] - 2 * inner
        squared[places, torch.arange(len(places), device=places.device)] = 0
        return squared.clamp(min=0).sqrt()


def facility_location(distances: Distances, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Solve facility location greedily.

    Args:
        distances: distances between n samples.
        count: number of samples to select, at least 1.

    Returns:
        Selected positions in order of selection, and the number of samples nearest to each (ties
        go to the earlier one), which sum to n.
    """
    everyone = torch.arange(len(distances), device=distances._norms.device)
    totals = torch.cat([distances.columns(part).sum(dim=0) for part in everyone.split(BLOCK)])
    first = int(totals.argmin())
    chosen, nearest = [first], distances.columns(everyone[first : first + 1])[:, 0]
    owner = torch.zeros_like(everyone)
    # Gains only fall as samples are added, so those in the heap are upper bounds.
    gains = [_gain(distances, nearest, part) for part in everyone.split(BLOCK)]
    heap = [(-gain, place) for place, gain in enumerate(torch.cat(gains).tolist())]
    heapq.heapify(heap)
    while len(chosen) < count:
        _, place = heapq.heappop(heap)
        if place == first:
            continue
        column = distances.columns(everyone[place : place + 1])[:, 0]
        gain = float((nearest - column).clamp(min=0).sum())
        if heap and (-gain, place) > heap[0]:
            heapq.heappush(heap, (-gain, place))
            continue
        owner[column < nearest] = len(chosen)
        nearest = torch.minimum(nearest, column)
        chosen.append(place)
        owner[place] = len(chosen) - 1
    return torch.tensor(chosen, device=everyone.device), owner.bincount(minlength=count)


def _gain(distances: Distances, nearest: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return by how much each candidate would reduce the sum of distances to the selection."""
    return (nearest[:, None] - distances.columns(places)).clamp(min=0).sum(dim=0)


def select(
    features: Features,
    groups: Sequence[Group],
    generator: torch.Generator,  # noqa: ARG001
    settings: CoresetConfig,  # noqa: ARG001
) -> Coreset:
    """Select samples that cover each group's gradients."""
    errors = features.errors
    indices, weights = [], []
    for group in groups:
        if group.quota:
            distances = Distances(errors[group.indices], features.hidden[group.indices])
            chosen, counts = facility_location(distances, group.quota)
            indices.append(group.indices[chosen])
            weights.append(counts)
    return Coreset.of(torch.cat(indices), torch.cat(weights).float())


def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:
    """Return the FLOPs of two passes over all distances, and of one column per pick."""
    width = 2 * (num_classes + num_features + 1) + 4
    return sum(width * group.size * (2 * group.size + group.quota) for group in groups)


CRAIG = Scorer(select, solver_flops)
