"""What a training gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from swast.config import TrainConfig


@dataclass(frozen=True)
class EpochRecord:
    """One epoch, as it stood at its end.

    Attributes:
        epoch: epochs finished, from 1.
        phase: ``warmup`` on all data, ``tailored`` on a coreset.
        samples: training samples seen in the epoch.
        learning_rate: of the epoch's last step.
        sparsity: share of the prunable weights that is masked.
        train_loss: mean over the epoch's steps, preservation included.
        val_loss: mean cross-entropy on the validation set.
        val_accuracy: share of the validation set classified correctly, in [0, 1].
        train_flops: the bill so far.
        seconds: wall time so far, evaluation included.
    """

    epoch: int
    phase: Literal["warmup", "tailored"]
    samples: int
    sparsity: float
    learning_rate: float
    train_loss: float
    val_loss: float
    val_accuracy: float
    train_flops: int
    seconds: float


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    Attributes:
        val_accuracy: of the last epoch, in [0, 1]; never of the best one.
        val_loss: of the last epoch.
        test_accuracy: None unless the test set was asked for.
        train_flops: the measured bill; ``predicted_flops``: the same before training.
        relative_flops: the bill over that of dense training on all data.
        flops: the bill by term; evaluation stands apart and is not in the bill.
        seconds: wall time of the training.
        history: every epoch.
        config: what was trained.
        state: final weights by parameter name, masked weights exactly 0, on the CPU.
    """

    val_accuracy: float
    val_loss: float
    test_accuracy: float | None
    train_flops: int
    predicted_flops: int
    relative_flops: float
    flops: Mapping[str, int]
    seconds: float
    history: tuple[EpochRecord, ...]
    config: TrainConfig
    state: Mapping[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights, as plain values."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        del values["state"]
        values["history"] = [dataclasses.asdict(record) for record in self.history]
        values["config"] = self.config.to_dict()
        values["flops"] = dict(self.flops)
        return values
