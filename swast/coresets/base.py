"""Base of the scorers: coresets, groups and quotas, and selection by ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from swast.config import CoresetConfig
from swast.features import Features


@dataclass(frozen=True)
class Coreset:
    """Selected samples and their weights in the loss.

    Attributes:
        indices: positions in the training set, ascending, unique, k.
        weights: sample weights, finite, not negative, k; their mean is 1 unless ``absolute``.
        absolute: if True, a batch's loss is the mean of w_i·loss_i, so that weights scale the
            loss; if False, it is the weighted mean Σ w_i·loss_i / Σ w_i.
    """

    indices: torch.Tensor
    weights: torch.Tensor
    absolute: bool = False

    @classmethod
    def of(
        cls,
        indices: torch.Tensor,
        weights: torch.Tensor | None = None,
        *,
        absolute: bool = False,
    ) -> Coreset:
        """Make a coreset in ascending order of index; relative weights are scaled to mean 1."""
        order = indices.argsort()
        if weights is None:
            weights = torch.ones(len(indices), device=indices.device)
        if not absolute:
            weights = weights / weights.mean()
        return cls(indices[order], weights[order].float(), absolute)

    @classmethod
    def everything(cls, num_samples: int, device: torch.device) -> Coreset:
        """Return the coreset of all samples, with weight 1."""
        return cls.of(torch.arange(num_samples, device=device))

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class Group:
    """Samples that share a quota: one class in a balanced coreset, else all samples."""

    indices: torch.Tensor
    quota: int


@dataclass(frozen=True)
class GroupSize:
    """Size of a group and its quota; the cost of a solver depends on nothing else."""

    size: int
    quota: int


Select = Callable[[Features, Sequence[Group], torch.Generator, CoresetConfig], Coreset]
SolverFlops = Callable[[Sequence[GroupSize], int, int], int]


@dataclass(frozen=True)
class Scorer:
    """Method of selecting a coreset.

    Attributes:
        select: function that selects each group's quota. The generator is the only source of
            randomness; a scorer reads only those settings that apply to it.
        solver_flops: FLOPs beyond the forward pass, from the groups' sizes, the number of classes
            C and the number of features E.
        forward: whether it needs features and logits, and so a forward pass over all samples. If
            not, it gets labels and empty features.
        dynamics: whether it needs training dynamics (see `swast.memory`).
        dynamic: whether it draws a new coreset every epoch, and trains on all data in the last
            eighth of the epochs.
    """

    select: Select
    solver_flops: SolverFlops
    forward: bool = True
    dynamics: bool = False
    dynamic: bool = False


def coreset_size(num_samples: int, fraction: float) -> int:
    """Return the size of a coreset: round(s·N), half up, at least 1."""
    return max(1, int(fraction * num_samples + 0.5))


def group_sizes(class_counts: Sequence[int], size: int, *, balanced: bool) -> list[GroupSize]:
    """Divide a coreset of ``size`` samples into quotas; return the groups' sizes and quotas.

    Balanced quotas are proportional to the class sizes, rounded by largest remainder; ties go to
    the lower label. Quotas sum to ``size``.
    """
    total = sum(class_counts)
    if not balanced:
        return [GroupSize(total, size)]
    quotas = [size * count // total for count in class_counts]
    remainders = [size * count % total for count in class_counts]
    for label in sorted(range(len(quotas)), key=lambda c: (-remainders[c], c)):
        if sum(quotas) == size:
            break
        quotas[label] += 1
    return [GroupSize(count, quota) for count, quota in zip(class_counts, quotas, strict=True)]


def draw_evenly(
    labels: torch.Tensor, num_classes: int, size: int, generator: torch.Generator
) -> torch.Tensor:
    """Draw a class-balanced sample without replacement; return ascending indices.

    Classes take turns in the order of their labels; exhausted classes are skipped.
    """
    order = torch.randperm(len(labels), generator=generator)
    drawn = labels.cpu()[order]
    turns = torch.empty(len(labels), dtype=torch.long)
    for label in range(num_classes):
        members = (drawn == label).nonzero().flatten()
        turns[members] = torch.arange(len(members)) * num_classes + label
    return order[turns.argsort()[:size]].sort().values.to(labels.device)


def make_groups(labels: torch.Tensor, sizes: Sequence[GroupSize]) -> list[Group]:
    """Return the groups: one per class if there are several sizes, else one of all samples."""
    if len(sizes) == 1:
        return [Group(torch.arange(len(labels), device=labels.device), sizes[0].quota)]
    members = labels.argsort(stable=True).split([size.size for size in sizes])
    return [Group(indices, size.quota) for indices, size in zip(members, sizes, strict=True)]


def keep_lowest(scores: torch.Tensor, groups: Sequence[Group]) -> Coreset:
    """Select each group's quota of samples with the lowest scores; ties go to the lower index."""
    kept = [
        group.indices[scores[group.indices].argsort(stable=True)[: group.quota]]
        for group in groups
    ]
    return Coreset.of(torch.cat(kept))


def keep_ranked(
    hardness: torch.Tensor, groups: Sequence[Group], settings: CoresetConfig
) -> Coreset:
    """Drop the share ``drop_top`` of the hardest samples in each group, then keep one end.

    The end is set by ``direction``: the hardest of the rest, or the easiest. At most as many
    samples are dropped as the quota allows. Ties go to the lower index.
    """
    kept = []
    for group in groups:
        order = hardness[group.indices].argsort(descending=True, stable=True)
        spare = len(order) - group.quota
        order = order[min(int(settings.drop_top * len(order)), spare) :]
        if settings.direction == "easy":
            order = hardness[group.indices].argsort(stable=True)
        kept.append(group.indices[order[: group.quota]])
    return Coreset.of(torch.cat(kept))


def ranking(
    scores: Callable[[Features], torch.Tensor],
    flops_per_sample: Callable[[int, int], int],
    *,
    forward: bool = True,
    dynamics: bool = False,
) -> Scorer:
    """Make a scorer that ranks samples by hardness and keeps one end of the ranking.

    Args:
        scores: function from features to the hardness of each sample, n.
        flops_per_sample: FLOPs of the scores, from the number of classes and of features.
        forward: as in `Scorer`.
        dynamics: as in `Scorer`.
    """

    def select(
        features: Features,
        groups: Sequence[Group],
        generator: torch.Generator,  # noqa: ARG001
        settings: CoresetConfig,
    ) -> Coreset:
        return keep_ranked(scores(features), groups, settings)

    def solver_flops(groups: Sequence[GroupSize], num_classes: int, num_features: int) -> int:
        return sum(group.size for group in groups) * flops_per_sample(num_classes, num_features)

    return Scorer(select, solver_flops, forward, dynamics)


def held_out_size(num_samples: int) -> int:
    """Return the number of training samples that glister holds out: a tenth, at least 1."""
    return max(1, num_samples // 10)
