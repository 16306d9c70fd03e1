"""State of a training run in progress, with saving and loading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swast.compute import autocast, pick_device, placed, training_forward
from swast.config import TrainConfig
from swast.coresets import SCORERS, Coreset, coreset_size
from swast.cost import Ledger, model_cost
from swast.data import ArrayData, Images, Samples, add_noise, make_samples
from swast.data.augment import Augmentation, draw_augmentation
from swast.errors import CheckpointError, ConfigError
from swast.identity import what_changed
from swast.memory import Memory
from swast.models import build_model
from swast.models.source import sources
from swast.optim import make_optimizer
from swast.pruning import Masks, channel, check_prunable, prunable_weights
from swast.result import EpochRecord, RoundRecord

WARMUP = ("epoch", "model", "optimizer", "memory", "ledger", "history")
"""Parts of a run's state that its warm-up changes."""


@dataclass(frozen=True)
class Round:
    """Coreset of a round, and its recorded logits.

    Attributes:
        coreset: its samples and weights.
        recorded: logits recorded at the start of this round, or of the first round with
            ``preserve.anchor = "first"``; None if nothing is recorded. k × C for the coreset, or
            N × C for all samples.
        whole: whether ``recorded`` covers all samples (see `swast.plan.records_all`).
    """

    coreset: Coreset
    recorded: torch.Tensor | None
    whole: bool = False

    def recorded_at(self, places: torch.Tensor) -> torch.Tensor | None:
        """Return the recorded logits of the samples at some positions in the coreset."""
        if self.recorded is None:
            return None
        return self.recorded[self.coreset.indices[places] if self.whole else places]


def check_coreset(config: TrainConfig, data: ArrayData) -> None:
    """Raise if a balanced coreset is too small for one sample of every class.

    Raises:
        ConfigError: with both numbers.
    """
    size = coreset_size(data.num_train, config.coreset.fraction)
    selects = config.warmup_epochs < config.epochs and config.coreset.balanced
    if selects and size < data.num_classes:
        raise ConfigError(
            [
                f"coreset.fraction {config.coreset.fraction:g} of {data.num_train} samples is "
                f"{size}, fewer than the {data.num_classes} classes that share it; "
                "raise it, or set coreset.balanced = false"
            ]
        )


class Run:
    """State of one training run, at the start of an epoch.

    Args:
        config: the configuration.
        data: the data set, with clean labels; label noise is added here.

    Attributes:
        shared_flops: part of the training FLOPs that other runs computed, if this run loaded a
            shared warm-up.
    """

    def __init__(self, config: TrainConfig, data: ArrayData) -> None:
        self.config = config
        self.clean_data = data
        self.data = add_noise(data, config.noise, config.seed)
        check_coreset(config, data)
        self.device = pick_device(config.device)
        self.train_set = self.samples(self.data.train_images, self.data.train_labels)
        self.val_set = self.samples(data.val_images, data.val_labels)
        shape, classes = self.data.input_shape, self.data.num_classes
        built = build_model(config.model, shape, classes, config.seed)
        self.model = placed(built, self.device, config.compute)
        self.forward = training_forward(self.model, self.device, config.compute)
        self.cost = model_cost(self.model, shape)
        check_prunable(self.model, config.prune, self.cost.indirect)
        self.optimizer = make_optimizer(config.optim, self.model)
        prunable = prunable_weights(self.model, config.prune.scope, config.prune.layers)
        self.num_weights = sum(weight.numel() for weight in prunable.values())
        self.widths = channel.widths(self.model)
        self.masks = Masks({} if self._shrinks else prunable, self.optimizer)
        self._counted: tuple[Mapping[str, int] | None, int, int] = None, 0, 0
        self.ledger = Ledger()
        self.memory = Memory(self.data.num_train, self.device) if self._remembers else None
        self.round: Round | None = None
        self.shared_flops = 0
        self.epoch = 0
        self.step = 0
        self.history: list[EpochRecord] = []
        self.rounds: list[RoundRecord] = []

    @property
    def _remembers(self) -> bool:
        """Return whether the scorer needs training dynamics."""
        return SCORERS[self.config.coreset.scorer].dynamics

    def samples(self, images: Images, labels: NDArray[np.int64]) -> Samples:
        """Return a part of the data on the training device, or streaming to it."""
        return make_samples(self.device, images, labels, self.data.colours, self.config.loading)

    def augmentation(self) -> Augmentation | None:
        """Draw this epoch's augmentation of each training sample; None if it is off."""
        shape, config = self.data.input_shape, self.config
        return draw_augmentation(
            config.augment, self.data.num_train, shape, config.seed, self.epoch, self.device
        )

    @property
    def _shrinks(self) -> bool:
        """Return whether channels are removed instead of masking weights."""
        return self.config.prune.traits.changes_shapes

    @cached_property
    def mislabelled(self) -> torch.Tensor:
        """Mask of the training samples with noisy labels, N; for diagnosis only."""
        wrong = self.data.train_labels != self.data.clean_train
        return torch.as_tensor(wrong, device=self.device)

    @property
    def sparsity(self) -> float:
        """Share of the prunable weights that is masked or removed."""
        settings = self.config.prune
        living = sum(self.masks.survivors().values())
        if self._shrinks:
            left = prunable_weights(self.model, settings.scope, settings.layers)
            living = sum(weight.numel() for weight in left.values())
        return 1 - living / self.num_weights if self.num_weights else 0.0

    def adapt(self) -> None:
        """Rebuild cost, placement, optimiser and masks after channels were removed."""
        self.model = placed(self.model, self.device, self.config.compute)
        self.forward = training_forward(self.model, self.device, self.config.compute)
        self.cost = model_cost(self.model, self.data.input_shape)
        self.optimizer = make_optimizer(self.config.optim, self.model)
        self.masks = Masks({}, self.optimizer)

    @property
    def coreset_size(self) -> int:
        """Number of samples in a round's coreset."""
        return coreset_size(self.data.num_train, self.config.coreset.fraction)

    def indices(self, places: torch.Tensor) -> torch.Tensor:
        """Map positions in the coreset, or in all data, to positions in the training set."""
        return places if self.round is None else self.round.coreset.indices[places]

    def autocast(self) -> torch.autocast:
        """Return a context in which passes without gradients have the precision of training."""
        return autocast(self.device, self.config.compute)

    @property
    def forward_flops(self) -> int:
        """Forward FLOPs of one sample under the current masks."""
        return self._count()[1]

    @property
    def step_flops(self) -> int:
        """FLOPs of one sample in a training step under the current masks."""
        return self._count()[2]

    def _count(self) -> tuple[Mapping[str, int] | None, int, int]:
        """Return the unmasked weights and their FLOPs, cached until masks change."""
        living = self.masks.survivors()
        if living is not self._counted[0]:
            self._counted = living, self.cost.forward(living), self.cost.step(living)
        return self._counted

    @property
    def seconds(self) -> float:
        """Wall time up to the last finished epoch."""
        return self.history[-1].seconds if self.history else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return all state at an epoch boundary, as tensors and plain values."""
        held = self.round
        return {
            "config": self.config.to_dict(),
            "data": self.clean_data.fingerprint,
            "network": sources(self.config.model),
            "epoch": self.epoch,
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "masks": self.masks.state_dict(),
            "memory": self.memory and self.memory.state_dict(),
            "round": held
            and {
                "indices": held.coreset.indices,
                "weights": held.coreset.weights,
                "absolute": held.coreset.absolute,
                "recorded": held.recorded,
                "whole": held.whole,
            },
            "ledger": self.ledger.to_dict(),
            "shared_flops": self.shared_flops,
            "history": [dict(vars(record)) for record in self.history],
            "rounds": [dict(vars(record)) for record in self.rounds],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load saved state.

        Raises:
            CheckpointError: it belongs to another configuration, data set or network, or a part is
                missing.
        """
        if state.get("config") != self.config.to_dict():
            raise CheckpointError("belongs to another configuration")
        if ("data" in state) != ("network" in state):  # version 0.2 wrote neither
            raise CheckpointError("does not fit this version of the trainer: a part is missing")
        changed = what_changed(state, self.clean_data.fingerprint, sources(self.config.model))
        if changed:
            raise CheckpointError(f"{changed}; restore that, or start anew in another folder")
        with _fitting():
            self._restore(state)

    def warmup_state(self) -> dict[str, Any]:
        """Return the part of `state_dict` that other runs with the same warm-up may load."""
        state = self.state_dict()
        return {name: state[name] for name in WARMUP}

    def take_over(self, state: Mapping[str, Any]) -> None:
        """Load warm-up epochs that another run trained.

        Their cost counts in this run's training FLOPs as well, and in `shared_flops`.

        Raises:
            CheckpointError: a part of the state is missing.
        """
        before = self.ledger.total
        if state.keys() != set(WARMUP):
            raise CheckpointError("is not a warm-up of this version of the trainer")
        with _fitting():
            self._restore_training(state)
        self.shared_flops += self.ledger.total - before

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.step, self.shared_flops = state["step"], state["shared_flops"]
        if self._shrinks:
            channel.fit(self.model, state["model"])
            self.adapt()
        self._restore_training(state)
        self.masks.load_state_dict(state["masks"])
        held = state["round"]
        if held is not None:
            indices, weights = held["indices"].to(self.device), held["weights"].to(self.device)
            recorded = held["recorded"]
            self.round = Round(
                Coreset(indices, weights, held["absolute"]),
                None if recorded is None else recorded.to(self.device),
                held["whole"],
            )
        self.rounds = [RoundRecord(**record) for record in state["rounds"]]

    def _restore_training(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        remembered = state["memory"]
        if self.memory is not None:
            self.memory.load_state_dict(remembered)
        self.ledger = Ledger(**state["ledger"])
        self.history = [EpochRecord(**record) for record in state["history"]]


@contextmanager
def _fitting() -> Iterator[None]:
    """Raise `CheckpointError` if saved state does not fit inside the block.

    Raises:
        CheckpointError: a part of the state is missing or has another shape.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        cause = str(error).splitlines()[0]
        raise CheckpointError(f"does not fit this version of the trainer: {cause}") from error
