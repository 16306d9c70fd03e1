"""What a scorer is: features in, a coreset out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from swast.config import CoresetConfig
from swast.features import Features


@dataclass(frozen=True)
class Coreset:
    """Chosen samples and their weights in the loss.

    Attributes:
        indices: positions in the training set, ascending, unique, k.
        weights: finite, not negative, k; of mean 1 unless they are ``absolute``.
        absolute: whether a batch's loss is the mean of weight times loss, so that weights scale
            it, and not their weighted mean.
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
        """A coreset in ascending order of index, its weights scaled to a mean of 1 if relative."""
        order = indices.argsort()
        if weights is None:
            weights = torch.ones(len(indices), device=indices.device)
        if not absolute:
            weights = weights / weights.mean()
        return cls(indices[order], weights[order].float(), absolute)

    @classmethod
    def everything(cls, num_samples: int, device: torch.device) -> Coreset:
        """All samples at weight 1."""
        return cls.of(torch.arange(num_samples, device=device))

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class Group:
    """Samples that compete for a quota: a class where the coreset is balanced, else all."""

    indices: torch.Tensor
    quota: int


@dataclass(frozen=True)
class GroupSize:
    """The size of a group and its quota, which is all that the cost of a solver depends on."""

    size: int
    quota: int


Select = Callable[[Features, Sequence[Group], torch.Generator, CoresetConfig], Coreset]
SolverFlops = Callable[[Sequence[GroupSize], int, int], int]


@dataclass(frozen=True)
class Scorer:
    """A way to choose a coreset.

    Attributes:
        select: picks each group's quota; the generator is the only source of randomness, and of
            the settings it reads those that are its own.
        solver_flops: its arithmetic beyond the forward pass, from the groups' sizes, the number
            of classes C and of features E.
        forward: whether it needs features and logits, so one forward pass over all samples. A
            scorer that doesn't is handed the labels alone, with empty features.
        dynamics: whether it needs to know what was seen while training.
        dynamic: whether it draws anew every epoch, and trains on all data in the last eighth.
    """

    select: Select
    solver_flops: SolverFlops
    forward: bool = True
    dynamics: bool = False
    dynamic: bool = False


def coreset_size(num_samples: int, fraction: float) -> int:
    """round(s·N), half up, at least 1."""
    return max(1, int(fraction * num_samples + 0.5))


def group_sizes(class_counts: Sequence[int], size: int, *, balanced: bool) -> list[GroupSize]:
    """The groups that compete for ``size`` places, and their quotas, which sum to ``size``.

    Balanced quotas are proportional to the class sizes, rounded by largest remainder (ties to
    the lower label).
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
    """Indices of a balanced draw without replacement, ascending.

    Classes take turns in order of their labels; those that are used up are passed over.
    """
    order = torch.randperm(len(labels), generator=generator)
    drawn = labels.cpu()[order]
    turns = torch.empty(len(labels), dtype=torch.long)
    for label in range(num_classes):
        members = (drawn == label).nonzero().flatten()
        turns[members] = torch.arange(len(members)) * num_classes + label
    return order[turns.argsort()[:size]].sort().values.to(labels.device)


def make_groups(labels: torch.Tensor, sizes: Sequence[GroupSize]) -> list[Group]:
    """The groups themselves: one a class where there are several sizes, else all samples."""
    if len(sizes) == 1:
        return [Group(torch.arange(len(labels), device=labels.device), sizes[0].quota)]
    members = labels.argsort(stable=True).split([size.size for size in sizes])
    return [Group(indices, size.quota) for indices, size in zip(members, sizes, strict=True)]


def keep_lowest(scores: torch.Tensor, groups: Sequence[Group]) -> Coreset:
    """In each group the quota of samples with the lowest score; ties go to the lower index."""
    kept = [
        group.indices[scores[group.indices].argsort(stable=True)[: group.quota]]
        for group in groups
    ]
    return Coreset.of(torch.cat(kept))


def keep_ranked(
    hardness: torch.Tensor, groups: Sequence[Group], settings: CoresetConfig
) -> Coreset:
    """In each group, leave out the share ``drop_top`` of the hardest, then keep one end.

    ``direction`` says which end: the hardest of the rest, or the easiest. No more is left out
    than the quota allows. Ties go to the lower index.
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
    """A scorer that ranks samples by how hard they are, and keeps one end.

    Args:
        scores: how hard each sample is, n.
        flops_per_sample: its arithmetic, from the number of classes and of features.
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
    """Training samples that glister holds out: a tenth, at least 1."""
    return max(1, num_samples // 10)
