"""Diagnosis of a run's rounds. Its cost is not part of the training FLOPs.

Facts that cost nothing are always recorded: the coreset, its share of mislabelled samples, its
class counts, and its overlap with the previous one. Facts that need passes over data, or the test
set, are recorded if ``[diagnose]`` turns them on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch.nn import functional

from swast.features import predict_logits
from swast.preservation import preservation_loss
from swast.result import EpochRecord, RoundRecord
from swast.run import Run

PATIENCE = 2
"""Further rounds in which accuracy may recover before a drop counts as a double loss."""


def open_round(run: Run) -> RoundRecord:
    """Return the record of the round that has just been selected.

    Raises:
        ValueError: no round has begun.
    """
    if run.round is None:
        raise ValueError("no round has begun")
    coreset, labels = run.round.coreset, run.train_set.labels
    chosen = coreset.indices.tolist()
    before = set(run.rounds[-1].indices) if run.rounds else None
    return RoundRecord(
        epoch=run.epoch,
        indices=tuple(chosen),
        weights=tuple(coreset.weights.tolist()),
        noise_ratio=int(run.mislabelled[coreset.indices].sum()) / len(chosen),
        class_counts=tuple(
            torch.bincount(labels[coreset.indices], minlength=run.data.num_classes).tolist()
        ),
        overlap=None if before is None else len(before & set(chosen)) / len(chosen),
    )


def close_round(run: Run) -> RoundRecord:
    """Return the record of the round that ends now, with the configured diagnosis."""
    settings, record = run.config.diagnose, run.rounds[-1]
    if settings.passes:
        record = replace(record, kl_drift=drift(run))
        if run.mislabelled.any():
            clean, noisy = losses_by_label(run)
            record = replace(record, clean_loss=clean, noisy_loss=noisy, loss_ratio=noisy / clean)
    if settings.test:
        held_out = run.samples(run.data.test_images, run.data.test_labels)
        loss = mean_loss(predict_logits(run.model, held_out.scan()), held_out.labels)
        record = replace(record, overfitting=loss - run.history[-1].val_loss)
    return record


def drift(run: Run) -> float | None:
    """Return the mean KL from the coreset's recorded logits to the network's current logits."""
    held = run.round
    if held is None or held.recorded is None:
        return None
    places = torch.arange(len(held.coreset), device=run.device)
    recorded = held.recorded_at(places)
    now = predict_logits(run.model, run.train_set.scan(held.coreset.indices))
    return None if recorded is None else float(preservation_loss(now, recorded, "mean"))


def losses_by_label(run: Run) -> tuple[float, float]:
    """Return the mean loss over correctly labelled training samples, and over mislabelled ones."""
    logits = predict_logits(run.model, run.train_set.scan())
    wrong, labels = run.mislabelled, run.train_set.labels
    return mean_loss(logits[~wrong], labels[~wrong]), mean_loss(logits[wrong], labels[wrong])


def mean_loss(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the mean cross-entropy."""
    return float(functional.cross_entropy(logits, labels))


def double_losses(
    history: Sequence[EpochRecord], starts: Sequence[int], drop: float
) -> tuple[bool, ...]:
    """Return for each round whether it is a critical double loss: a lasting loss of accuracy.

    A round is one if it made the network sparser, and no epoch of it or of the next two rounds (or
    of those left in the run) reached the accuracy before it minus ``drop``.

    Args:
        history: all epochs of a run.
        starts: for each round, the number of epochs finished when it began.
        drop: loss of validation accuracy that counts, in (0, 1].
    """
    found = []
    for place, start in enumerate(starts):
        after = starts[place + 1 + PATIENCE] if place + 1 + PATIENCE < len(starts) else None
        window = history[start:after]
        if not start or not window:
            found.append(False)
            continue
        before = history[start - 1]
        sparser = window[0].sparsity > before.sparsity
        best = max(entry.val_accuracy for entry in window)
        found.append(sparser and best < before.val_accuracy - drop)
    return tuple(found)
