"""The optimiser, and its learning rate over the run.

Schedules count in shares of T, not in steps: an epoch on a coreset has fewer steps than one of
warm-up, and takes the same share. Cosine and step change from epoch to epoch; one-cycle and the
ramp change with every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from swast.config import OptimConfig, TrainConfig

ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4
"""Rate at the start over that at the peak, and rate at the end over that at the start."""


def make_optimizer(settings: OptimConfig, model: nn.Module) -> torch.optim.Optimizer:
    """SGD or AdamW; weight decay acts on weights, not on biases and normalisation.

    AdamW takes ``momentum`` for its β₁ and decays by lr · decay · w, apart from the gradient
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
    """The whole rate, always."""
    return 1.0


def cosine(_settings: OptimConfig, moment: float, epochs: int) -> float:
    """Half a cosine from 1 at the start to 0 at T, constant within an epoch."""
    return (1 + math.cos(math.pi * int(moment) / epochs)) / 2


def step(settings: OptimConfig, moment: float, epochs: int) -> float:
    """Times ``drop_factor`` after every share ``drop_every`` of T, rounded to whole epochs."""
    interval = max(1, int(settings.drop_every * epochs + 0.5))
    return float(settings.drop_factor ** (int(moment) // interval))


def one_cycle(settings: OptimConfig, moment: float, epochs: int) -> float:
    """Half a cosine up from 1/25 to 1 at the share ``peak`` of T, another down to nearly 0.

    Source: Smith & Topin, "Super-convergence", 2018; with the form and the constants of
    `torch.optim.lr_scheduler.OneCycleLR`. The momentum stays as it is.
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
"""Share of ``optim.lr`` at a moment of the run, in epochs since its start."""


def learning_rate(config: TrainConfig, epoch: int, step: int = 0, steps: int = 1) -> float:
    """The learning rate of a step.

    A ramp multiplies the schedule by 1/n, 2/n, … 1 over the n steps of its epochs.

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
    """The parts of an epoch, a step each; the learning rate is set as each is taken."""
    for place, part in enumerate(parts):
        rate = learning_rate(config, epoch, place, len(parts))
        for group in optimizer.param_groups:
            group["lr"] = rate
        yield part


def clip_gradients(model: nn.Module, norm: float) -> None:
    """Scale all gradients together to a norm, where theirs is larger; 0 leaves them.

    Masked gradients must be 0 by now: those of pruned weights would shrink the step.
    """
    if norm > 0:
        nn.utils.clip_grad_norm_(model.parameters(), norm)
