"""What a training gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from swast.config import TrainConfig
from swast.settings import plain


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
class RoundRecord:
    """One round: whom it chose, and, where ``[diagnose]`` asks, what became of it.

    Attributes:
        epoch: epochs finished when it began.
        indices: the coreset's positions in the training set, ascending.
        weights: their weights in the loss.
        noise_ratio: share of the coreset that is mislabelled, in [0, 1].
        class_counts: samples a class, by label as given.
        overlap: share of the coreset that was in the one before; None for the first.
        kl_drift: mean KL between the logits recorded of the coreset and those at the round's end.
        clean_loss: mean cross-entropy of the rightly labelled training samples at its end.
        noisy_loss: that of the mislabelled ones; ``loss_ratio``: noisy over clean.
        overfitting: test minus validation loss at its end.
    """

    epoch: int
    indices: tuple[int, ...]
    weights: tuple[float, ...]
    noise_ratio: float
    class_counts: tuple[int, ...]
    overlap: float | None
    kl_drift: float | None = None
    clean_loss: float | None = None
    noisy_loss: float | None = None
    loss_ratio: float | None = None
    overfitting: float | None = None


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
        rounds: every round.
        double_losses: for every round, whether it lost accuracy that no later one regained.
        config: what was trained.
        environment: where, and with which versions (see `swast.environment`).
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
    rounds: tuple[RoundRecord, ...]
    double_losses: tuple[bool, ...]
    config: TrainConfig
    environment: Mapping[str, str]
    state: Mapping[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights, as plain values."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        del values["state"]
        for name in ("history", "rounds"):
            values[name] = [dataclasses.asdict(each, dict_factory=plain) for each in values[name]]
        values["double_losses"] = list(self.double_losses)
        values["config"] = self.config.to_dict()
        values["flops"] = dict(self.flops)
        values["environment"] = dict(self.environment)
        return values
