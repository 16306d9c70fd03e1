"""Optimiser and learning-rate schedules.

Schedules count epochs, not steps: an epoch on a coreset advances them as much as one of warm-up,
although it has fewer steps. Cosine and step change once per epoch; one-cycle and the ramp change
with every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from swast.config import OptimConfig, TrainConfig

ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4
"""Rate at the start over the peak rate, and rate at the end over the rate at the start."""


def make_optimizer(settings: OptimConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Make the SGD or AdamW optimiser; biases and normalisation get no weight decay.

    AdamW uses ``momentum`` as β₁. Its decay, lr · decay · w, is decoupled from the gradient
    (Loshchilov & Hutter, ICLR 2019).
    """
    weights = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    groups = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if settings.name == "adamw":
        betas = (settings.momentum, settings.beta2)
        return torch.optim.AdamW(groups, lr=settings.lr, betas=betas)
    return torch.optim.SGD(
        groups,
        lr=settings.lr,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
    )


def constant(_settings: OptimConfig, _moment: float, _epochs: int) -> float:
    """Return 1: the rate stays constant."""
    return 1.0


def cosine(_settings: OptimConfig, moment: float, epochs: int) -> float:
    """Return half a cosine, from 1 at the start to 0 at T, constant within an epoch."""
    return (1 + math.cos(math.pi * int(moment) / epochs)) / 2


def step(settings: OptimConfig, moment: float, epochs: int) -> float:
    """Multiply by ``drop_factor`` every ``drop_every`` · T epochs, rounded to whole epochs."""
    interval = max(1, int(settings.drop_every * epochs + 0.5))
    return float(settings.drop_factor ** (int(moment) // interval))


def one_cycle(settings: OptimConfig, moment: float, epochs: int) -> float:
    """Return half a cosine up from 1/25 to 1 at ``peak`` · T, then half a cosine down to near 0.

    The form and the constants are those of `torch.optim.lr_scheduler.OneCycleLR`; the momentum is
    not cycled. Source: Smith & Topin, "Super-convergence", 2018.
    """
    top = settings.peak * epochs
    if moment <= top:
        start, end, progress = ONE_CYCLE_START, 1.0, moment / top
    else:
        start, end = 1.0, ONE_CYCLE_START * ONE_CYCLE_END
        progress = (moment - top) / (epochs - top)
    return end + (start - end) / 2 * (1 + math.cos(math.pi * progress))


LR_SCHEDULES: dict[str, Callable[[OptimConfig, float, int], float]] = {
    "cosine": cosine,
    "constant": constant,
    "one-cycle": one_cycle,
    "step": step,
}
"""Schedules: functions from the time, in epochs since the start, to a factor of ``optim.lr``."""


def learning_rate(config: TrainConfig, epoch: int, step: int = 0, steps: int = 1) -> float:
    """Return the learning rate of a step.

    The ramp multiplies the schedule by 1/n, 2/n, … 1 over the n steps of its epochs.

    Args:
        config: the configuration.
        epoch: epochs finished.
        step: steps made in this epoch, of ``steps``.
        steps: steps of this epoch.
    """
    settings = config.optim
    share = LR_SCHEDULES[settings.schedule](settings, epoch + step / steps, config.epochs)
    if epoch < settings.ramp_epochs:
        share *= (epoch + (step + 1) / steps) / settings.ramp_epochs
    return settings.lr * share


def paced(
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    epoch: int,
    parts: Sequence[torch.Tensor],
) -> Iterator[torch.Tensor]:
    """Yield the parts of an epoch, one per step, after setting the learning rate for it."""
    for place, part in enumerate(parts):
        rate = learning_rate(config, epoch, place, len(parts))
        for group in optimizer.param_groups:
            group["lr"] = rate
        yield part


def clip_gradients(model: nn.Module, norm: float) -> None:
    """Scale all gradients so that their global norm is at most ``norm``; 0 disables it.

    Call it after masking: gradients of pruned weights would otherwise shrink the step.
    """
    if norm > 0:
        nn.utils.clip_grad_norm_(model.parameters(), norm)
