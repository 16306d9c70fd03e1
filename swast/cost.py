"""Training FLOPs: the cost of a network per sample, and the ledger of a run.

Every multiply-add of a layer with weights counts as 2 FLOPs, at the density of the current masks.
A training step costs 3 forward passes per sample: forward, and backward at twice that. A RigL
update adds the dense part of the weight gradient. These are *counted* FLOPs: unstructured masks do
not make hardware faster. Wall time follows a run's passes, which `Passes` counts separately.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from swast.config import TrainConfig
from swast.coresets import SCORERS, GroupSize
from swast.features import evaluating, last_linear
from swast.models import tried
from swast.pruning.masks import prunable_weights

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
    """Forward FLOPs of a network for one sample.

    Attributes:
        shapes: shape of the weight of every prunable layer, by layer name.
        per_weight: FLOPs per weight of the layer (2 · output positions).
        other: FLOPs of everything else, which is always dense.
        num_features: inputs of the last linear layer (E).
    """

    shapes: Mapping[str, Sequence[int]]
    per_weight: Mapping[str, int]
    other: int
    num_features: int

    def forward(self, survivors: Mapping[str, int] | None = None) -> int:
        """Return FLOPs at the given counts of unmasked weights; unnamed layers are dense."""
        counts = {name: math.prod(shape) for name, shape in self.shapes.items()}
        counts.update(survivors or {})
        return self.other + sum(self.per_weight[name] * counts[name] for name in counts)


def model_cost(model: nn.Module, input_shape: Sequence[int]) -> ModelCost:
    """Count a network's forward FLOPs by layer, with `torch.utils.flop_counter`.

    The count runs on a copy, on the meta device if possible, and leaves the network unchanged.
    Matrix products outside layers, such as those of attention, count as ``other``.
    """
    counter = tried(model, lambda copied, device: _count(copied, device, input_shape))
    by_module = counter.get_flop_counts()
    root = type(model).__name__
    weights = prunable_weights(model, "all")
    layers = {name: sum(by_module.get(f"{root}.{name}", {}).values()) for name in weights}
    return ModelCost(
        shapes={name: tuple(weight.shape) for name, weight in weights.items()},
        per_weight={name: layers[name] // weights[name].numel() for name in weights},
        other=counter.get_total_flops() - sum(layers.values()),
        num_features=last_linear(model).in_features,
    )


def _count(model: nn.Module, device: torch.device, shape: Sequence[int]) -> FlopCounterMode:
    """Count one forward pass in evaluation mode.

    The fused path of `nn.MultiheadAttention` in that mode hides its products from the counter, so
    it is switched off.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    counter = FlopCounterMode(display=False)
    try:
        with evaluating(model), counter:
            model(torch.zeros(1, *shape, device=device))
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return counter


def selection_flops(
    config: TrainConfig, groups: Sequence[GroupSize], num_classes: int, num_features: int
) -> int:
    """Return the FLOPs of the solver in one selection; 0 if all data are kept."""
    if config.coreset.fraction == 1:
        return 0
    return SCORERS[config.coreset.scorer].solver_flops(groups, num_classes, num_features)
