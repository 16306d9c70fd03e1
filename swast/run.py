"""A training in progress: all that changes from epoch to epoch, saved and restored as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from swast.config import TrainConfig
from swast.coresets import SCORERS, Coreset, coreset_size
from swast.cost import Ledger, model_cost
from swast.data import ArrayData, Samples, add_noise
from swast.errors import CheckpointError
from swast.memory import Memory
from swast.models import build_model
from swast.pruning import Masks, prunable_weights
from swast.result import EpochRecord


@dataclass(frozen=True)
class Round:
    """What a round trains on.

    Attributes:
        coreset: its samples and weights.
        recorded: logits from the round's start, or None: of the coreset, k × C; or of all
            samples, N × C, where each epoch draws a coreset of its own (``whole``).
        whole: which of the two.
    """

    coreset: Coreset
    recorded: torch.Tensor | None
    whole: bool = False

    def recorded_at(self, places: torch.Tensor) -> torch.Tensor | None:
        """The logits recorded for the samples at some places of the coreset."""
        if self.recorded is None:
            return None
        return self.recorded[self.coreset.indices[places] if self.whole else places]


def pick_device(name: str) -> torch.device:
    """The device that a configuration asks for; ``auto`` is a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


class Run:
    """The state of one training, at an epoch's start.

    Args:
        config: what to train.
        data: its data set, with clean labels; noise is put in here.
    """

    def __init__(self, config: TrainConfig, data: ArrayData) -> None:
        self.config = config
        self.clean_data = data
        self.data = add_noise(data, config.noise, config.seed)
        self.device = pick_device(config.device)
        self.train_set = Samples.on(self.device, self.data.train_images, self.data.train_labels)
        self.val_set = Samples.on(self.device, data.val_images, data.val_labels)
        shape, classes = self.data.input_shape, self.data.num_classes
        self.model = build_model(config.model, shape, classes, config.seed).to(self.device)
        self.cost = model_cost(self.model, shape)
        self.optimizer = _optimizer(config, self.model)
        self.masks = Masks(
            prunable_weights(self.model, config.prune.scope, config.prune.layers), self.optimizer
        )
        self.ledger = Ledger()
        self.memory = Memory(self.data.num_train, self.device) if self._remembers else None
        self.round: Round | None = None
        self.epoch = 0
        self.step = 0
        self.history: list[EpochRecord] = []

    @property
    def _remembers(self) -> bool:
        """Whether the scorer needs to know what was seen while training."""
        return SCORERS[self.config.coreset.scorer].dynamics

    @property
    def coreset_size(self) -> int:
        """Samples a round trains on."""
        return coreset_size(self.data.num_train, self.config.coreset.fraction)

    def indices(self, places: torch.Tensor) -> torch.Tensor:
        """Positions in the training set of some places of the coreset, or of all data."""
        return places if self.round is None else self.round.coreset.indices[places]

    @property
    def forward_flops(self) -> int:
        """Forward FLOPs of one sample under the masks in force."""
        return self.cost.forward(self.masks.survivors())

    @property
    def seconds(self) -> float:
        """Wall time up to the last finished epoch."""
        return self.history[-1].seconds if self.history else 0.0

    def state_dict(self) -> dict[str, Any]:
        """All state at an epoch boundary, as tensors and plain values."""
        held = self.round
        return {
            "config": self.config.to_dict(),
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
            "history": [dataclasses.asdict(record) for record in self.history],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over saved state.

        Raises:
            CheckpointError: it is that of another configuration, or lacks a part.
        """
        if state.get("config") != self.config.to_dict():
            raise CheckpointError("belongs to another configuration")
        try:
            self._restore(state)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            cause = str(error).splitlines()[0]
            raise CheckpointError(f"does not fit this version of the trainer: {cause}") from error

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.epoch, self.step = state["epoch"], state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.masks.load_state_dict(state["masks"])
        remembered = state["memory"]
        if self.memory is not None:
            self.memory.load_state_dict(remembered)
        held = state["round"]
        if held is not None:
            indices, weights = held["indices"].to(self.device), held["weights"].to(self.device)
            recorded = held["recorded"]
            self.round = Round(
                Coreset(indices, weights, held["absolute"]),
                None if recorded is None else recorded.to(self.device),
                held["whole"],
            )
        self.ledger = Ledger(**state["ledger"])
        self.history = [EpochRecord(**record) for record in state["history"]]


def _optimizer(config: TrainConfig, model: torch.nn.Module) -> torch.optim.Optimizer:
    """SGD; weight decay acts on weights, not on biases and normalisation."""
    settings = config.optim
    weights = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    return torch.optim.SGD(
        [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=settings.lr,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
    )
