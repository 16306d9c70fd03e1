"""Steps of an epoch: batches in random order, their loss, and the parameter update."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch.nn import functional

from swast import plan, sparsify
from swast.config import TrainConfig
from swast.errors import DivergedError
from swast.optim import paced
from swast.preservation import preservation_loss, weighted_cross_entropy
from swast.rng import generator, seeded
from swast.run import Run


def train_epoch(run: Run) -> float:
    """Train one epoch on the round's coreset, or on all data in warm-up; return its mean loss."""
    with seeded(run.config.seed, "forward", run.epoch, run.device):
        losses = [train_step(run, places, images) for places, images in begin_epoch(run)]
    loss = float(torch.stack(losses).mean())
    check_finite(loss, "training", run.epoch + 1, run.config)
    return loss


def check_finite(loss: float, kind: str, epoch: int, config: TrainConfig) -> None:
    """Raise if a loss is not finite.

    Raises:
        DivergedError: with the epoch, and the setting to change.
    """
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {kind} loss became {loss} in epoch {epoch}; "
            f"try a lower optim.lr than {config.optim.lr:g}"
        )


def begin_epoch(run: Run) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Prepare an epoch: its batches in random order, with a learning rate for each.

    Returns:
        A pair for each step: positions in the coreset (or in all data), and their images.
    """
    run.model.train()
    size = len(run.train_set) if run.round is None else len(run.round.coreset)
    draw = generator(run.config.seed, "order", run.epoch)
    order = torch.randperm(size, generator=draw).to(run.device)
    parts = order.split(plan.batch_sizes(size, run.config.optim.batch_size))
    paces = paced(run.optimizer, run.config, run.epoch, parts)
    chosen = run.indices(order).split([len(part) for part in parts])
    images = run.train_set.batches(chosen, run.augmentation())
    return zip(paces, images, strict=True)


def train_step(run: Run, places: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Make one step on some images and return its loss.

    ``places`` are positions in the coreset, or in all data during warm-up.
    """
    held, indices = run.round, run.indices(places)
    logits = run.forward(images)
    labels = run.train_set.labels[indices]
    if run.memory is not None:
        run.memory.visit(indices, logits, labels)
    loss = _loss(run, places, logits, labels)
    run.optimizer.zero_grad()
    loss.backward()
    if held is None:
        run.ledger.warmup += run.step_flops * len(places)
    else:
        run.ledger.training += run.step_flops * len(places)
    sparsify.step(run, len(places))
    run.step += run.epoch >= plan.prune_start(run.config)
    return loss.detach()


def _loss(
    run: Run, places: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the cross-entropy, weighted by the coreset, plus any preservation term."""
    held, settings = run.round, run.config.preserve
    smoothing = run.config.optim.label_smoothing
    if held is None:
        return functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    wrong = weighted_cross_entropy(
        logits,
        labels,
        held.coreset.weights[places],
        absolute=held.coreset.absolute,
        smoothing=smoothing,
    )
    loss = wrong if settings.cross_entropy == 1 else settings.cross_entropy * wrong
    recorded = held.recorded_at(places)
    if recorded is not None and settings.weight > 0:
        drift = preservation_loss(logits, recorded, settings.reduction)
        loss = loss + settings.weight * drift
    return loss
