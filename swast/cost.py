"""Training FLOPs: a ledger that a run fills as it goes, and the same ledger before it runs.

Counted are 2 FLOPs a multiply-add of every layer with weights, at the density of the masks in
force. A training step costs 3 forward passes a sample (forward, and backward at twice that); a
RigL update adds the dense part of the weight gradient. These are *counted* FLOPs: unstructured
masks do not make hardware faster.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from swast import plan
from swast.config import TrainConfig
from swast.coresets import SCORERS, GroupSize, coreset_size, group_sizes
from swast.data import ArrayData, add_noise
from swast.features import evaluating, last_linear
from swast.models import build_model, outline, tried
from swast.pruning.distributions import layer_survivors, num_survivors
from swast.pruning.masks import keep_largest, prunable_weights

STEP = 3
"""Forward passes that a training step costs: one forward, and backward at twice its cost."""


@dataclass
class Ledger:
    """FLOPs of a run by term. Evaluation is reported and never in the total."""

    warmup: int = 0
    training: int = 0
    selection: int = 0
    solver: int = 0
    recording: int = 0
    dense_gradients: int = 0
    evaluation: int = 0

    @property
    def total(self) -> int:
        """The bill: every term but evaluation."""
        return sum(self.to_dict().values()) - self.evaluation

    def to_dict(self) -> dict[str, int]:
        """The terms by name."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class ModelCost:
    """Forward FLOPs of a network for one sample.

    Attributes:
        shapes: shape of the weight of every prunable layer, by layer name.
        per_weight: FLOPs that one weight of the layer costs (2 · output positions).
        other: FLOPs of everything else, dense always.
        num_features: inputs of the last linear layer (E).
    """

    shapes: Mapping[str, Sequence[int]]
    per_weight: Mapping[str, int]
    other: int
    num_features: int

    def forward(self, survivors: Mapping[str, int] | None = None) -> int:
        """FLOPs at the given living weights a layer; layers not named are dense."""
        counts = {name: math.prod(shape) for name, shape in self.shapes.items()}
        counts.update(survivors or {})
        return self.other + sum(self.per_weight[name] * counts[name] for name in counts)


def model_cost(model: nn.Module, input_shape: Sequence[int]) -> ModelCost:
    """Count a network's forward FLOPs by layer, with `torch.utils.flop_counter`.

    The network is left as it was: a copy makes the counting pass, without values where it can.
    Matrix products outside layers, as those of attention, count as other.
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

    The fused path that `nn.MultiheadAttention` takes in that mode hides its products.
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


def predict(
    config: TrainConfig, data: ArrayData, warm_weights: Mapping[str, torch.Tensor] | None = None
) -> Ledger:
    """The ledger of a run before it runs.

    Exact for layer-wise distributions. How a global threshold splits over the layers depends on
    the weights when it falls; it is estimated from the weights given (see `swast.training.price`).

    Args:
        config: the configuration.
        data: its data set, with clean labels.
        warm_weights: prunable weights by layer name, best as they stand at the end of warm-up;
            the initial ones where absent. Only global thresholds look at them.
    """
    data = add_noise(data, config.noise, config.seed)
    cost = _cost_of(config.model, data.input_shape, data.num_classes)
    size = coreset_size(data.num_train, config.coreset.fraction)
    ledger = Ledger()
    survivors: Mapping[str, int] = {}
    for epoch in range(config.epochs):
        if epoch < config.warmup_epochs:
            ledger.warmup += STEP * cost.forward() * data.num_train
        else:
            if plan.is_round_start(config, epoch):
                _charge_round(ledger, config, data, cost.forward(survivors), cost.num_features)
                survivors = _predict_survivors(config, data, epoch, warm_weights)
            ledger.training += STEP * cost.forward(survivors) * size
            if config.prune.method == "rigl":
                saved = cost.forward() - cost.forward(survivors)
                ledger.dense_gradients += saved * _updated_samples(config, epoch, size)
        ledger.evaluation += cost.forward(survivors) * len(data.val_labels)
    return ledger


def dense_flops(config: TrainConfig, data: ArrayData) -> int:
    """FLOPs of training the dense network on all data for T epochs, the unit of relative FLOPs."""
    cost = _cost_of(config.model, data.input_shape, data.num_classes)
    return STEP * cost.forward() * data.num_train * config.epochs


def selection_flops(
    config: TrainConfig, groups: Sequence[GroupSize], num_classes: int, num_features: int
) -> int:
    """The solver's own arithmetic in one selection; nothing where all data are kept."""
    if config.coreset.fraction == 1:
        return 0
    return SCORERS[config.coreset.scorer].solver_flops(groups, num_classes, num_features)


def _charge_round(
    ledger: Ledger, config: TrainConfig, data: ArrayData, forward: int, num_features: int
) -> None:
    """Add a round's selection pass, solver and recording at the density before its prune step."""
    size = coreset_size(data.num_train, config.coreset.fraction)
    groups = group_sizes(data.class_counts, size, balanced=config.coreset.balanced)
    scored = config.coreset.fraction < 1 and SCORERS[config.coreset.scorer].forward
    ledger.selection += forward * data.num_train * scored
    ledger.solver += selection_flops(config, groups, data.num_classes, num_features)
    ledger.recording += forward * size * (config.preserve.weight > 0 and not scored)


def _updated_samples(config: TrainConfig, epoch: int, size: int) -> int:
    """Samples of an epoch whose step is a RigL update."""
    batch = config.optim.batch_size
    steps = plan.num_steps(size, batch)
    first = (epoch - config.warmup_epochs) * steps
    return sum(
        min(batch, size - place * batch)
        for place in range(steps)
        if plan.is_update_step(config, first + place, steps)
    )


@lru_cache(maxsize=64)
def _outline(model: str, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return outline(model, shape, num_classes)


@lru_cache(maxsize=64)
def _cost_of(model: str, shape: tuple[int, ...], num_classes: int) -> ModelCost:
    return model_cost(_outline(model, shape, num_classes), shape)


def _predict_survivors(
    config: TrainConfig,
    data: ArrayData,
    epoch: int,
    warm_weights: Mapping[str, torch.Tensor] | None,
) -> Mapping[str, int]:
    """Living weights of each layer after the prune step of the round at ``epoch``."""
    if config.prune.method == "none":
        return {}
    sparsity = plan.target_sparsity(config, epoch)
    if config.prune.distribution == "global":
        return global_survivors(warm_weights or _initial_weights(config, data), sparsity)
    model = _outline(config.model, data.input_shape, data.num_classes)
    weights = prunable_weights(model, config.prune.scope)
    shapes = {name: weight.shape for name, weight in weights.items()}
    return layer_survivors(shapes, sparsity, config.prune.distribution)


def _initial_weights(config: TrainConfig, data: ArrayData) -> dict[str, torch.Tensor]:
    model = build_model(config.model, data.input_shape, data.num_classes, config.seed)
    return prunable_weights(model, config.prune.scope)


def global_survivors(weights: Mapping[str, torch.Tensor], sparsity: float) -> dict[str, int]:
    """What one threshold on the magnitude leaves of each layer's weights."""
    flat = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    kept = keep_largest(flat, num_survivors(len(flat), sparsity))
    parts = kept.split([weight.numel() for weight in weights.values()])
    return {name: int(part.sum()) for name, part in zip(weights, parts, strict=True)}
