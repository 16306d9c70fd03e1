"""Forecast of a run's training FLOPs and passes, before it runs.

A forecast follows the same plan as the trainer, epoch by epoch and update by update, and adds up
the cost of each step at the density of the masks at that time. It trains nothing: it needs only
the counts of unmasked weights. These follow from the configuration alone, except under a global
threshold, whose split over the layers depends on the weights. For that case the caller passes a
function with the counts of a real network (see `swast.training.price`).

The forecast also counts the samples that pass through the network, from which
`swast.calibration` predicts wall time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import accumulate

from torch import nn

from swast import plan
from swast.config import TrainConfig
from swast.coresets import SCORERS, coreset_size, group_sizes
from swast.cost import Ledger, ModelCost, Passes, model_cost, selection_flops
from swast.data import ArrayData, add_noise
from swast.models import build_model, outline
from swast.pruning import PRUNERS, channel, prunable_weights
from swast.pruning.distributions import layer_survivors

Living = Callable[[float], Mapping[str, int]]
"""Function from a sparsity to the unmasked weights of each layer.

It is called at each prune step, in their order, so it may prune a network step by step."""


def predict(config: TrainConfig, data: ArrayData, living: Living | None = None) -> Ledger:
    """Predict the ledger of a run, exactly for layer-wise distributions.

    Args:
        config: the configuration.
        data: its data set, with clean labels.
        living: unmasked weights of each layer under a global threshold; other distributions do
            not need it.
    """
    return Forecast(config, data, living).ledger


def dense_flops(config: TrainConfig, data: ArrayData) -> int:
    """Return the FLOPs of dense training on all data for T epochs: the unit of relative FLOPs."""
    cost = _cost_of(config.model, data.input_shape, data.num_classes)
    return cost.step() * data.num_train * config.epochs


@dataclass(frozen=True)
class Mark:
    """Cumulative cost of a run at the end of an epoch.

    Attributes:
        ledger: FLOPs so far.
        passes: passes so far.
    """

    ledger: Ledger
    passes: Passes


class Forecast:
    """Forecast of a whole run: its ledger and its passes.

    ``marks`` holds the cumulative cost after every epoch.

    Args:
        config: the configuration.
        data: its data set, with clean labels.
        living: as in `predict`.
    """

    def __init__(self, config: TrainConfig, data: ArrayData, living: Living | None = None) -> None:
        self.config = config
        self.data = add_noise(data, config.noise, config.seed)
        network = (config.model, self.data.input_shape, self.data.num_classes)
        self.cost: ModelCost = _cost_of(*network)
        weights = prunable_weights(_outline(*network), config.prune.scope, config.prune.layers)
        shrinks = config.prune.traits.changes_shapes
        self.network = build_model(*network, config.seed) if shrinks else None
        self.widths = channel.widths(_outline(*network))
        shapes = {name: weight.shape for name, weight in weights.items()}
        self.living = living or partial(layer_counts, config, shapes)
        self.forward, self.step = self.cost.forward(), self.cost.step()
        self.ledger, self.passes = Ledger(), Passes()
        self.marks: list[Mark] = []
        for epoch in range(config.epochs):
            self._start(epoch)
            self._train(epoch)
            self.ledger.evaluation += self.forward * len(data.val_labels)
            self.passes.forward += len(data.val_labels)
            self._end(epoch)
            self.marks.append(Mark(replace(self.ledger), replace(self.passes)))

    def _start(self, epoch: int) -> None:
        """Add the work before an epoch's first step: selection, recording, pruning."""
        if plan.is_round_start(self.config, epoch):
            self._select(epoch)
            self._record(epoch)
        elif plan.is_redraw(self.config, epoch):
            self._select(epoch)
        if plan.is_prune_step(self.config, epoch):
            pruner = PRUNERS[self.config.prune.method]
            passes = pruner.saliency_samples(min(pruner.batch, self.data.num_train))
            self.ledger.saliency += self.step * passes
            self.passes.saliency += passes
            self._prune(epoch)

    def _end(self, epoch: int) -> None:
        """Add the passes of the diagnosis, if the epoch ends a round."""
        config, data = self.config, self.data
        if epoch < config.warmup_epochs or not plan.is_round_end(config, epoch + 1):
            return
        if config.diagnose.passes:
            self.passes.forward += plan.epoch_samples(config, data.num_train, epoch)
            self.passes.forward += data.num_train * bool(
                (data.train_labels != data.clean_train).any()
            )
        self.passes.forward += len(data.test_labels) * config.diagnose.test

    @property
    def _looks(self) -> bool:
        """Return whether selection makes a forward pass over all samples."""
        return self.config.coreset.fraction < 1 and SCORERS[self.config.coreset.scorer].forward

    def _select(self, epoch: int) -> None:
        """Add a selection pass and the solver, at the density before the prune step."""
        config, data = self.config, self.data
        if plan.is_annealing(config, epoch):
            return
        size = coreset_size(data.num_train, config.coreset.fraction)
        groups = group_sizes(data.class_counts, size, balanced=config.coreset.balanced)
        self.ledger.selection += self.forward * data.num_train * self._looks
        self.passes.forward += data.num_train * self._looks
        self.ledger.solver += selection_flops(
            config, groups, data.num_classes, self.cost.num_features
        )

    def _record(self, epoch: int) -> None:
        """Add the recording pass, unless the selection pass already gives the logits."""
        config, size = self.config, self.data.num_train
        kept = config.preserve.anchor == "first" and epoch > config.warmup_epochs
        if self._looks or kept:
            return
        if not plan.records_all(config):
            size = coreset_size(size, config.coreset.fraction)
        billed = config.preserve.weight > 0
        self.ledger.recording += self.forward * size * billed
        self.passes.forward += size * (billed or config.diagnose.passes)

    def _prune(self, epoch: float) -> None:
        """Update the forward cost to the scheduled sparsity."""
        sparsity = plan.target_sparsity(self.config, epoch)
        if self.network is not None:
            self._shrink(self.network, sparsity)
        else:
            living = self.living(sparsity)
            self.forward, self.step = self.cost.forward(living), self.cost.step(living)

    def _shrink(self, network: nn.Module, share: float) -> None:
        """Remove channels from a stand-in network; only their number affects the cost."""
        settings, shape = self.config.prune, self.data.input_shape
        layers = prunable_weights(network, settings.scope, settings.layers)
        channel.remove(network, shape, channel.choose(network, shape, share, self.widths, layers))
        self.cost = model_cost(network, shape)
        self.forward, self.step = self.cost.forward(), self.cost.step()

    def _train(self, epoch: int) -> None:
        """Add the steps of an epoch, from one mask update to the next."""
        config, num_train = self.config, self.data.num_train
        samples = plan.epoch_samples(config, num_train, epoch)
        sizes = plan.batch_sizes(samples, config.optim.batch_size)
        self.passes.steps += len(sizes)
        self.passes.training += samples
        seen, ends = 0, list(accumulate(sizes))
        for step in self._updates(epoch):
            place = step - plan.steps_before(config, num_train, epoch)
            self._step(epoch, ends[place] - seen)
            seen = ends[place]
            self._update(epoch, step, sizes[place])
        self._step(epoch, samples - seen)

    def _updates(self, epoch: int) -> range:
        """Return the steps of an epoch at which masks may be updated."""
        if not self.config.prune.traits.updates_masks:
            return range(0)
        return plan.update_steps(self.config, self.data.num_train, epoch)

    def _step(self, epoch: int, samples: int) -> None:
        """Add training steps on some samples under the current masks."""
        flops = self.step * samples
        if epoch < self.config.warmup_epochs:
            self.ledger.warmup += flops
        else:
            self.ledger.training += flops

    def _update(self, epoch: int, step: int, samples: int) -> None:
        """Add a mask update at the end of a step."""
        pruner = PRUNERS[self.config.prune.method]
        dense = self.cost.forward() - self.forward
        self.ledger.dense_gradients += dense * samples * pruner.uses_gradient
        if pruner.on_line:
            self._prune(plan.epoch_at(self.config, self.data.num_train, epoch, step))


def layer_counts(
    config: TrainConfig, shapes: Mapping[str, Sequence[int]], sparsity: float
) -> dict[str, int]:
    """Count the unmasked weights of each layer from the shapes alone.

    Raises:
        ValueError: the threshold is global, so the counts depend on the weights.
    """
    count = PRUNERS[config.prune.method].survivors if config.prune.traits.fixed_ratio else None
    if count is not None:
        return {name: count(shape, sparsity) for name, shape in shapes.items()}
    if config.prune.distribution == "global":
        raise ValueError("a global threshold's counts depend on the weights; pass living")
    return layer_survivors(shapes, sparsity, config.prune.distribution)


@lru_cache(maxsize=64)
def _outline(model: str, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return outline(model, shape, num_classes)


@lru_cache(maxsize=64)
def _cost_of(model: str, shape: tuple[int, ...], num_classes: int) -> ModelCost:
    return model_cost(_outline(model, shape, num_classes), shape)
