"""Training FLOPs: the cost of a network per sample, and the ledger of a run.

Every multiply-add of a layer with weights counts as 2 FLOPs, at the density of the current masks.
A training step costs 3 forward passes per sample: forward, and backward at twice that. Frozen
layers cost less: 1 if nothing before them trains, else 2, since their weights have no gradient. A
RigL update adds the dense part of the weight gradient. These are *counted* FLOPs: unstructured
masks do not make hardware faster. Wall time follows a run's passes, which `Passes` counts
separately.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from swast.config import TrainConfig
from swast.coresets import SCORERS, GroupSize
from swast.features import last_linear, resting
from swast.models import tried
from swast.products import Place, Product, Products, place
from swast.pruning.prunable import layer_weights

STEP = 3
"""Cost of a training step in forward passes: one forward, and backward at twice its cost."""


@dataclass
class Ledger:
    """Ledger of training FLOPs by term. Evaluation is recorded, but is not in the total."""

    warmup: int = 0
    training: int = 0
    selection: int = 0
    solver: int = 0
    recording: int = 0
    saliency: int = 0
    dense_gradients: int = 0
    evaluation: int = 0

    @property
    def total(self) -> int:
        """Training FLOPs: the sum of all terms except evaluation."""
        return sum(self.to_dict().values()) - self.evaluation

    def to_dict(self) -> dict[str, int]:
        """Return the terms by name."""
        return dataclasses.asdict(self)


@dataclass
class Passes:
    """Counts of a run's passes. Wall time follows them, since masked weights take time too.

    Attributes:
        steps: training steps.
        training: samples in these steps, forward and backward.
        saliency: samples in the saliency passes of pruners, forward and backward.
        forward: samples of passes without gradients: selection, recording, evaluation, diagnosis.
    """

    steps: int = 0
    training: int = 0
    saliency: int = 0
    forward: int = 0


@dataclass(frozen=True)
class ModelCost:
    """FLOPs of a network for one sample.

    Attributes:
        shapes: shape of the weight of every layer, by layer name.
        per_weight: FLOPs per weight of the layer in a forward pass (2 · output positions).
        other: forward FLOPs of everything else, which is always dense.
        num_features: inputs of the last linear layer (E).
        step_per_weight: FLOPs per weight of the layer in a training step.
        step_other: FLOPs of everything else in a training step.
        indirect: layers whose weight the network does not multiply itself, but a tensor
            computed from it: zeros of such a weight save nothing.
        reads: whether the forward pass depends on values that it reads.
    """

    shapes: Mapping[str, Sequence[int]]
    per_weight: Mapping[str, int]
    other: int
    num_features: int
    step_per_weight: Mapping[str, int]
    step_other: int
    indirect: frozenset[str] = frozenset()
    reads: bool = False

    def forward(self, survivors: Mapping[str, int] | None = None) -> int:
        """Return FLOPs at the given counts of unmasked weights; unnamed layers are dense."""
        return self.other + self._sum(self.per_weight, survivors)

    def step(self, survivors: Mapping[str, int] | None = None) -> int:
        """Return FLOPs of a sample in a training step; otherwise as `forward`."""
        return self.step_other + self._sum(self.step_per_weight, survivors)

    def _sum(self, rates: Mapping[str, int], survivors: Mapping[str, int] | None) -> int:
        counts = {name: math.prod(shape) for name, shape in self.shapes.items()}
        counts.update(survivors or {})
        return sum(rates[name] * counts[name] for name in counts)


def model_cost(
    model: nn.Module, input_shape: Sequence[int], images: torch.Tensor | None = None
) -> ModelCost:
    """Count a network's FLOPs by layer, with the formulas of `torch.utils.flop_counter`.

    The count runs on a copy, on the meta device if possible, and leaves the network unchanged. A
    product belongs to the layer whose weight it multiplies, whichever module makes it; all others,
    such as those of attention, count as ``other``.

    Args:
        model: the network.
        input_shape: channels, height and width of its images.
        images: two images on the CPU to count with; black ones if absent.
    """
    if images is not None:
        return _count(copy.deepcopy(model).cpu(), images)

    def look(copied: nn.Module, device: torch.device) -> ModelCost:
        return _count(copied, torch.zeros(2, *input_shape, device=device))

    return tried(model, look)


def _count(model: nn.Module, images: torch.Tensor) -> ModelCost:
    """Count the products of one image, in a pass of two in evaluation mode.

    Batch norm without running statistics needs two images. Gradients are enabled only where
    layers are frozen, so that products without one are known.
    """
    frozen = not all(parameter.requires_grad for parameter in model.parameters())
    weights = layer_weights(model)
    owners = {place(weight): name for name, weight in weights.items()}
    trained = {place(each) for each in model.parameters() if each.requires_grad}
    with resting(model), torch.set_grad_enabled(frozen), visible(), Products() as seen:
        model(images)
    forward: Counter[str | None] = Counter()
    step: Counter[str | None] = Counter()
    for product in seen.made:
        names = [owners[each] for each in product.places if each in owners]
        owner = names[0] if len(names) == 1 else None
        forward[owner] += product.flops
        step[owner] += product.flops * _factor(product, trained, frozen)
    sizes = {name: 2 * weight.numel() for name, weight in weights.items()}
    return ModelCost(
        shapes={name: tuple(weight.shape) for name, weight in weights.items()},
        per_weight={name: forward[name] // sizes[name] for name in weights},
        other=forward[None] // 2,
        num_features=last_linear(model).in_features,
        step_per_weight={name: step[name] // sizes[name] for name in weights},
        step_other=step[None] // 2,
        indirect=_indirect(
            model, images, {name: weights[name] for name in weights if not forward[name]}
        ),
        reads=seen.reads,
    )


def _factor(product: Product, trained: Collection[Place], frozen: bool) -> int:
    """Return the cost of a product in a training step, in units of its forward pass.

    It is 3 for a weight that trains. Products of frozen weights alone need no gradient of a
    weight, and none of their input if nothing before them trains.
    """
    if not frozen or not product.places.isdisjoint(trained):
        return STEP
    return min(STEP, 1 + product.gradients)


def _indirect(
    model: nn.Module, images: torch.Tensor, unmultiplied: Mapping[str, torch.Tensor]
) -> frozenset[str]:
    """Return those of some layers whose weight reaches the output by way of other tensors."""
    sought = {name: each for name, each in unmultiplied.items() if each.requires_grad}
    if not sought:
        return frozenset()
    with resting(model), torch.enable_grad():
        total = model(images).abs().sum()
    found = torch.autograd.grad(total, list(sought.values()), allow_unused=True)
    return frozenset(name for name, each in zip(sought, found, strict=True) if each is not None)


@contextmanager
def visible() -> Iterator[None]:
    """Switch off, inside the block, the fused kernels that hide their products.

    These are the fast path of `nn.MultiheadAttention` in evaluation mode, and oneDNN's LSTM.
    """
    fused, packed = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        torch._C._set_mkldnn_enabled(packed)


def selection_flops(
    config: TrainConfig, groups: Sequence[GroupSize], num_classes: int, num_features: int
) -> int:
    """Return the FLOPs of the solver in one selection; 0 if all data are kept."""
    if config.coreset.fraction == 1:
        return 0
    return SCORERS[config.coreset.scorer].solver_flops(groups, num_classes, num_features)
