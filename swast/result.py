"""Results of a training run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from swast.config import TrainConfig
from swast.settings import plain


@dataclass(frozen=True)
class EpochRecord:
    """Record of an epoch, at its end.

    Attributes:
        epoch: epochs finished, from 1.
        phase: ``warmup`` on all data, ``tailored`` on a coreset.
        samples: training samples seen in the epoch.
        learning_rate: of the epoch's last step.
        sparsity: share of the prunable weights that is masked.
        train_loss: mean over the epoch's steps, preservation included.
        val_loss: mean cross-entropy on the validation set.
        val_accuracy: share of the validation set classified correctly, in [0, 1].
        train_flops: training FLOPs so far.
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
    """Record of a round: its coreset and, if ``[diagnose]`` is on, the diagnosis at its end.

    Attributes:
        epoch: epochs finished when it began.
        indices: the coreset's positions in the training set, ascending.
        weights: their weights in the loss.
        noise_ratio: share of the coreset that is mislabelled, in [0, 1].
        class_counts: samples per class, by given label (noise included).
        overlap: share of the coreset that was also in the previous one; None for the first.
        kl_drift: mean KL from the coreset's recorded logits to those at the round's end.
        clean_loss: mean cross-entropy of the correctly labelled training samples at its end.
        noisy_loss: the same for the mislabelled samples; ``loss_ratio``: noisy over clean.
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
    """Result of a finished training run.

    Attributes:
        val_accuracy: of the last epoch, in [0, 1], not of the best one.
        val_loss: of the last epoch.
        test_accuracy: None unless the test set was read.
        train_flops: measured training FLOPs; ``predicted_flops``: their forecast before training.
        relative_flops: training FLOPs over those of dense training on all data.
        flops: FLOPs by term; evaluation is listed, but is not part of ``train_flops``.
        seconds: wall time of the run.
        history: records of all epochs.
        rounds: records of all rounds.
        double_losses: for each round, whether it is a critical double loss (see
            `swast.diagnostics.double_losses`).
        config: the configuration.
        environment: hardware and versions (see `swast.environment`).
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
        """Return everything except the weights, as plain values."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        del values["state"]
        for name in ("history", "rounds"):
            values[name] = [dataclasses.asdict(each, dict_factory=plain) for each in values[name]]
        values["double_losses"] = list(self.double_losses)
        values["config"] = self.config.to_dict()
        values["flops"] = dict(self.flops)
        values["environment"] = dict(self.environment)
        return values
