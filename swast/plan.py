"""Plan of a run: when it selects, records, prunes and updates masks, and to which sparsity.

The plan follows from the configuration alone. Both the trainer and the cost forecast use it, so
the two agree.
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
    """Return whether an epoch starts with a selection: e ≥ K and (e − K) mod R = 0."""
    since = epoch - config.warmup_epochs
    return since >= 0 and since % config.interval == 0


def is_round_end(config: TrainConfig, epoch: int) -> bool:
    """Return whether a round ends after ``epoch`` finished epochs."""
    return epoch == config.epochs or is_round_start(config, epoch)


def is_redraw(config: TrainConfig, epoch: int) -> bool:
    """Return whether a dynamic scorer draws a new coreset for an epoch within a round."""
    dynamic = SCORERS[config.coreset.scorer].dynamic and config.coreset.fraction < 1
    return dynamic and epoch > config.warmup_epochs and not is_round_start(config, epoch)


def records_all(config: TrainConfig) -> bool:
    """Return whether logits of all samples are recorded, since later coresets may hold any."""
    return SCORERS[config.coreset.scorer].dynamic or config.preserve.anchor == "first"


def is_annealing(config: TrainConfig, epoch: int) -> bool:
    """Return whether a dynamic scorer trains on all data: in the last eighth of the epochs."""
    dynamic = SCORERS[config.coreset.scorer].dynamic
    return dynamic and epoch >= ANNEALING * config.epochs


def epoch_samples(config: TrainConfig, num_train: int, epoch: int) -> int:
    """Return the number of samples of an epoch: N in warm-up, then the coreset's size."""
    if epoch < config.warmup_epochs or is_annealing(config, epoch):
        return num_train
    return coreset_size(num_train, config.coreset.fraction)


def num_steps(num_samples: int, batch_size: int) -> int:
    """Return the number of steps of an epoch."""
    full, rest = divmod(num_samples, batch_size)
    return full + (rest > 1 or not full)


def batch_sizes(num_samples: int, batch_size: int) -> list[int]:
    """Return the number of samples of each step of an epoch.

    The last batch may be smaller. A single remaining sample joins the batch before it, because
    batch norm has no variance for one sample.
    """
    steps = num_steps(num_samples, batch_size)
    return [batch_size] * (steps - 1) + [num_samples - batch_size * (steps - 1)]


def prune_start(config: TrainConfig) -> int:
    """Return the epoch of the first prune step: K, or 0 if pruning starts at initialisation."""
    return 0 if config.prune.start == "init" else config.warmup_epochs


def prune_end(config: TrainConfig) -> int:
    """Return the epoch after which masks are fixed: ``prune.end`` · T, not before the start."""
    return max(prune_start(config), int(config.prune.end * config.epochs + 0.5))


def is_prune_step(config: TrainConfig, epoch: int) -> bool:
    """Return whether an epoch starts with a prune step.

    Prune steps are at `prune_start` and at the start of every round. If pruning starts at
    initialisation, the same interval is continued backwards into the warm-up.
    """
    if not config.prune.traits.prunes or epoch < prune_start(config):
        return False
    since = epoch - config.warmup_epochs
    return epoch == prune_start(config) or since % config.interval == 0


def target_sparsity(config: TrainConfig, epoch: float) -> float:
    """Return the scheduled sparsity at the start of an epoch, or within it.

    Progress u runs from 0 at `prune_start` to 1 at `prune_end`, or at the start of the last round
    if that is earlier. So the target is always reached.
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
    """Return ΔT in steps; by default 100, scaled by the coreset fraction, at least 10.

    The scaling keeps the number of epochs between updates: 100 steps on a coreset of 10 % are ten
    times as many epochs. The minimum exists because an update replaces an optimiser step.
    """
    if config.prune.update_interval:
        return config.prune.update_interval
    return max(LEAST_UPDATE_INTERVAL, int(BASE_UPDATE_INTERVAL * config.coreset.fraction + 0.5))


def steps_before(config: TrainConfig, num_train: int, epoch: int) -> int:
    """Return the number of steps from the first prune step to the start of an epoch."""
    return _starts(config, num_train)[max(0, epoch - prune_start(config))]


@lru_cache(maxsize=1024)
def _starts(config: TrainConfig, num_train: int) -> tuple[int, ...]:
    """Return `steps_before` of every epoch from the first prune step to one past the last."""
    steps = (
        num_steps(epoch_samples(config, num_train, each), config.optim.batch_size)
        for each in range(prune_start(config), config.epochs + 1)
    )
    return tuple(accumulate(steps, initial=0))


def update_end(config: TrainConfig, num_train: int) -> int:
    """Return T_end: the step from which masks are fixed, counted from the first prune step."""
    return steps_before(config, num_train, prune_end(config))


@lru_cache(maxsize=1024)
def update_steps(config: TrainConfig, num_train: int, epoch: int) -> range:
    """Return the steps of an epoch at which masks are updated: every ΔT, before T_end.

    Steps are counted from the first prune step, which is not an update itself.
    """
    if epoch < prune_start(config):
        return range(0)
    first, interval = steps_before(config, num_train, epoch), update_interval(config)
    end = min(steps_before(config, num_train, epoch + 1), update_end(config, num_train))
    return range(max(interval, math.ceil(first / interval) * interval), end, interval)


def is_update(config: TrainConfig, num_train: int, epoch: int, step: int) -> bool:
    """Return whether masks are updated at a step of an epoch."""
    if step % update_interval(config):  # a fast exit for most steps
        return False
    return step in update_steps(config, num_train, epoch)


def epoch_at(config: TrainConfig, num_train: int, epoch: int, step: int) -> float:
    """Return the fractional epoch of a step: 4.5 is half-way through epoch 4."""
    first, after = (steps_before(config, num_train, each) for each in (epoch, epoch + 1))
    return epoch + (step - first) / (after - first)
