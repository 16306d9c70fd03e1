"""What a configuration lays down before training starts: when to select, how much to prune.

The trainer follows this plan and the price of a run is computed from it, so the two agree.
"""

from __future__ import annotations

import math

from swast.config import TrainConfig
from swast.pruning.schedules import sparsity_at

BASE_UPDATE_INTERVAL = 100
LEAST_UPDATE_INTERVAL = 10


def is_round_start(config: TrainConfig, epoch: int) -> bool:
    """Whether an epoch begins with a selection: e ≥ K and (e − K) mod R = 0."""
    since = epoch - config.warmup_epochs
    return since >= 0 and since % config.interval == 0


def prune_end(config: TrainConfig) -> int:
    """The epoch after which the masks rest: a share ``prune.end`` of T, and not before K."""
    return max(config.warmup_epochs, int(config.prune.end * config.epochs + 0.5))


def target_sparsity(config: TrainConfig, epoch: int) -> float:
    """The sparsity that the schedule asks for in the round that starts at ``epoch``.

    Progress u runs from 0 at K to 1 at `prune_end`, or at the last round where that comes first,
    so that the target is always reached.
    """
    if config.prune.method == "none":
        return 0.0
    start = config.warmup_epochs
    last_round = start + (config.epochs - 1 - start) // config.interval * config.interval
    end = min(prune_end(config), last_round)
    progress = (epoch - start) / (end - start) if end > start else 1.0
    return sparsity_at(config.prune.schedule, progress, config.prune.sparsity)


def update_interval(config: TrainConfig) -> int:
    """ΔT, in steps. Where not given: 100 steps on all data, scaled to the coreset, at least 10.

    A hundred steps on a coreset of 10 % would be ten times as many epochs; and an update takes
    the place of an optimiser step, so they must not come too often.
    """
    if config.prune.update_interval:
        return config.prune.update_interval
    return max(LEAST_UPDATE_INTERVAL, int(BASE_UPDATE_INTERVAL * config.coreset.fraction + 0.5))


def last_update_step(config: TrainConfig, steps_per_epoch: int) -> int:
    """T_end in steps since the end of warm-up."""
    return (prune_end(config) - config.warmup_epochs) * steps_per_epoch


def is_update_step(config: TrainConfig, step: int, steps_per_epoch: int) -> bool:
    """Whether masks change on line at a step, counted from the end of warm-up."""
    due = step > 0 and step % update_interval(config) == 0
    return due and step < last_update_step(config, steps_per_epoch)


def num_steps(num_samples: int, batch_size: int) -> int:
    """Steps of an epoch; the last batch may be smaller."""
    return math.ceil(num_samples / batch_size)
