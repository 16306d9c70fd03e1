"""What a scorer is: features in, a coreset out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from swast.features import Features


@dataclass(frozen=True)
class Coreset:
    """Chosen samples and their weights in the loss.

    Attributes:
        indices: positions in the training set, ascending, unique, k.
        weights: finite, not negative, of mean 1, k.
    """

    indices: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, indices: torch.Tensor, weights: torch.Tensor | None = None) -> Coreset:
        """A coreset in ascending order of index, its weights scaled to a mean of 1."""
        order = indices.argsort()
        if weights is None:
            weights = torch.ones(len(indices), device=indices.device)
        return cls(indices[order], (weights / weights.mean())[order].float())

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


Select = Callable[[Features, Sequence[Group], torch.Generator], Coreset]
SolverFlops = Callable[[Sequence[GroupSize], int, int], int]


@dataclass(frozen=True)
class Scorer:
    """A way to choose a coreset.

    Attributes:
        select: picks each group's quota; the generator is the only source of randomness.
        solver_flops: its arithmetic beyond the forward pass, from the groups' sizes, the number
            of classes C and of features E.
        forward: whether it needs features and logits, so one forward pass over all samples. A
            scorer that doesn't is handed the labels alone, with empty features.
    """

    select: Select
    solver_flops: SolverFlops
    forward: bool = True


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


def make_groups(labels: torch.Tensor, sizes: Sequence[GroupSize]) -> list[Group]:
    """The groups themselves: one a class where there are several sizes, else all samples."""
    if len(sizes) == 1:
        return [Group(torch.arange(len(labels), device=labels.device), sizes[0].quota)]
    return [
        Group((labels == label).nonzero().flatten(), size.quota)
        for label, size in enumerate(sizes)
    ]


def keep_lowest(scores: torch.Tensor, groups: Sequence[Group]) -> Coreset:
    """In each group the quota of samples with the lowest score; ties go to the lower index."""
    kept = [
        group.indices[scores[group.indices].argsort(stable=True)[: group.quota]]
        for group in groups
    ]
    return Coreset.of(torch.cat(kept))
