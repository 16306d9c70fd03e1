"""What a configuration lays down before training starts: when to select, how much to prune.

The trainer follows this plan and the price of a run is computed from it, so the two agree.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate

from swast.config import TrainConfig
from swast.coresets import SCORERS, coreset_size
from swast.pruning.schedules import sparsity_at

BASE_UPDATE_INTERVAL = 100
LEAST_UPDATE_INTERVAL = 10
ANNEALING = 0.875


def is_round_start(config: TrainConfig, epoch: int) -> bool:
    """Whether an epoch begins with a selection: e ≥ K and (e − K) mod R = 0."""
    since = epoch - config.warmup_epochs
    return since >= 0 and since % config.interval == 0


def is_round_end(config: TrainConfig, epoch: int) -> bool:
    """Whether a round has ended when so many epochs are finished."""
    return epoch == config.epochs or is_round_start(config, epoch)


def is_redraw(config: TrainConfig, epoch: int) -> bool:
    """Whether an epoch inside a round begins with a coreset of its own, under a dynamic scorer."""
    dynamic = SCORERS[config.coreset.scorer].dynamic and config.coreset.fraction < 1
    return dynamic and epoch > config.warmup_epochs and not is_round_start(config, epoch)


def records_all(config: TrainConfig) -> bool:
    """Whether recording is of all samples: coresets to come may hold any of them."""
    return SCORERS[config.coreset.scorer].dynamic or config.preserve.anchor == "first"


def is_annealing(config: TrainConfig, epoch: int) -> bool:
    """Whether a dynamic scorer trains an epoch on all data: one of the last eighth."""
    dynamic = SCORERS[config.coreset.scorer].dynamic
    return dynamic and epoch >= ANNEALING * config.epochs


def epoch_samples(config: TrainConfig, num_train: int, epoch: int) -> int:
    """Samples that an epoch trains on: N in warm-up, then the coreset's."""
    if epoch < config.warmup_epochs or is_annealing(config, epoch):
        return num_train
    return coreset_size(num_train, config.coreset.fraction)


def num_steps(num_samples: int, batch_size: int) -> int:
    """Steps of an epoch."""
    full, rest = divmod(num_samples, batch_size)
    return full + (rest > 1 or not full)


def batch_sizes(num_samples: int, batch_size: int) -> list[int]:
    """Samples of each step of an epoch.

    The last batch may be smaller; a single sample left over joins the batch before, as batch norm
    knows no variance of one.
    """
    steps = num_steps(num_samples, batch_size)
    return [batch_size] * (steps - 1) + [num_samples - batch_size * (steps - 1)]


def prune_start(config: TrainConfig) -> int:
    """The epoch of the first prune step: K, or 0 where pruning starts at initialisation."""
    return 0 if config.prune.start == "init" else config.warmup_epochs


def prune_end(config: TrainConfig) -> int:
    """The epoch after which masks rest: a share ``prune.end`` of T, not before the start."""
    return max(prune_start(config), int(config.prune.end * config.epochs + 0.5))


def is_prune_step(config: TrainConfig, epoch: int) -> bool:
    """Whether masks follow the schedule at an epoch's start: the first one, and at every round's.

    Where pruning starts at initialisation, rounds go on backwards into the warm-up.
    """
    if not config.prune.traits.prunes or epoch < prune_start(config):
        return False
    since = epoch - config.warmup_epochs
    return epoch == prune_start(config) or since % config.interval == 0


def target_sparsity(config: TrainConfig, epoch: float) -> float:
    """The sparsity that the schedule asks for at the start of an epoch, or within it.

    Progress u runs from 0 at `prune_start` to 1 at `prune_end`, or at the last round where that
    comes first, so that the target is always reached.
    """
    if not config.prune.traits.prunes:
        return 0.0
    start, warm = prune_start(config), config.warmup_epochs
    last = start
    if warm < config.epochs:
        last = warm + (config.epochs - 1 - warm) // config.interval * config.interval
    end = min(prune_end(config), last)
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


def steps_before(config: TrainConfig, num_train: int, epoch: int) -> int:
    """Steps from the first prune step to the start of an epoch."""
    return _starts(config, num_train)[max(0, epoch - prune_start(config))]


@lru_cache(maxsize=1024)
def _starts(config: TrainConfig, num_train: int) -> tuple[int, ...]:
    """`steps_before` of every epoch from the first prune step to one after the end."""
    steps = (
        num_steps(epoch_samples(config, num_train, each), config.optim.batch_size)
        for each in range(prune_start(config), config.epochs + 1)
    )
    return tuple(accumulate(steps, initial=0))


def update_end(config: TrainConfig, num_train: int) -> int:
    """T_end: the step, counted from the first prune step, from which masks rest."""
    return steps_before(config, num_train, prune_end(config))


@lru_cache(maxsize=1024)
def update_steps(config: TrainConfig, num_train: int, epoch: int) -> range:
    """The steps of an epoch at which masks change on line: every ΔT, before T_end.

    Steps are counted from the first prune step, and that one is none of them.
    """
    if epoch < prune_start(config):
        return range(0)
    first, interval = steps_before(config, num_train, epoch), update_interval(config)
    end = min(steps_before(config, num_train, epoch + 1), update_end(config, num_train))
    return range(max(interval, math.ceil(first / interval) * interval), end, interval)


def is_update(config: TrainConfig, num_train: int, epoch: int, step: int) -> bool:
    """Whether masks change on line at a step of an epoch; most steps are told in a moment."""
    if step % update_interval(config):
        return False
    return step in update_steps(config, num_train, epoch)


def epoch_at(config: TrainConfig, num_train: int, epoch: int, step: int) -> float:
    """A step of an epoch as a share of the way through: 4.5 is half-way through epoch 4."""
    first, after = (steps_before(config, num_train, each) for each in (epoch, epoch + 1))
    return epoch + (step - first) / (after - first)
