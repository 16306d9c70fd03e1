"""The steps of an epoch: batches in random order, the loss of each, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch.nn import functional

from swast import plan, sparsify
from swast.config import TrainConfig
from swast.cost import STEP
from swast.errors import DivergedError
from swast.optim import paced
from swast.preservation import preservation_loss, weighted_cross_entropy
from swast.rng import generator, seeded
from swast.run import Run


def train_epoch(run: Run) -> float:
    """One epoch on the round's coreset, or on all data before the first round; its mean loss."""
    with seeded(run.config.seed, "forward", run.epoch, run.device):
        losses = [train_step(run, places, images) for places, images in begin_epoch(run)]
    loss = float(torch.stack(losses).mean())
    check_finite(loss, "training", run.epoch + 1, run.config)
    return loss


def check_finite(loss: float, kind: str, epoch: int, config: TrainConfig) -> None:
    """Stop a run whose loss is no number any more.

    Raises:
        DivergedError: saying where, and what to try.
    """
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {kind} loss became {loss} in epoch {epoch}; "
            f"try a lower optim.lr than {config.optim.lr:g}"
        )


def begin_epoch(run: Run) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Ready the run for an epoch: its batches in random order, a learning rate for each.

    Returns:
        A pair a step: places in the coreset (or in all data), and the images there.
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
    """One step on the images at some places of the coreset (or of all data); its loss."""
    held, indices = run.round, run.indices(places)
    logits = run.forward(images)
    labels = run.train_set.labels[indices]
    if run.memory is not None:
        run.memory.visit(indices, logits, labels)
    loss = _loss(run, places, logits, labels)
    run.optimizer.zero_grad()
    loss.backward()
    if held is None:
        run.ledger.warmup += STEP * run.forward_flops * len(places)
    else:
        run.ledger.training += STEP * run.forward_flops * len(places)
    sparsify.step(run, len(places))
    run.step += run.epoch >= plan.prune_start(run.config)
    return loss.detach()


def _loss(
    run: Run, places: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy, weighted by the coreset, and the preservation term where it is on."""
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
