"""Calibration: a short speed measurement, from which the wall time of a run is predicted.

Wall time follows the passes through the network, not the counted FLOPs, because a masked weight is
multiplied like any other. So the calibration times training steps as a round makes them (masks,
preservation, augmentation, reading), on the real data, alternating large and small batches, and
some passes without gradients. A run's time then follows from its `swast.cost.Passes`. The solver
of a selection is timed separately, on random features, in seconds per FLOP of the ledger.

Mask updates between prune steps (every tenth step at most) and checkpoints are not measured, and
removed channels are not taken into account.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from swast.compute import pick_device
from swast.config import TrainConfig
from swast.coresets import SCORERS, Coreset, coreset_size, group_sizes, make_groups
from swast.cost import Passes, model_cost
from swast.data import ArrayData
from swast.features import Features, predict_logits
from swast.memory import Memory
from swast.models import outline
from swast.rng import generator, seeded
from swast.run import Round, Run
from swast.sparsify import thin
from swast.steps import train_step
from swast.training import threads

SECONDS = 1.0
"""Duration of a calibration; at least one step and one pass are made."""
MOST_LAPS = 400
"""Largest number of steps, and of passes, in a calibration."""
SMALLER = 4
"""Ratio of the large batch size to the small one."""
MOST_SCANNED = 1024
"""Largest number of samples in a pass without gradients."""
SOLVED, SOLVED_CLASSES = 1024, 10
"""Largest numbers of samples and classes in a timed selection."""


@dataclass(frozen=True)
class Speed:
    """Speed of a network on this machine, in seconds.

    Attributes:
        step: fixed time of a training step, independent of its batch size.
        sample: additional time of each of its samples, forward and backward.
        forward: time of a sample in a pass without gradients.
    """

    step: float
    sample: float
    forward: float

    def seconds(self, passes: Passes) -> float:
        """Return the predicted seconds of a run."""
        both = passes.training + passes.saliency
        return self.step * passes.steps + self.sample * both + self.forward * passes.forward


def calibrate(config: TrainConfig, data: ArrayData, seconds: float = SECONDS) -> Speed:
    """Measure the speed of a configuration's network on its device.

    Args:
        config: the configuration.
        data: its data set, with clean labels.
        seconds: time for steps; passes without gradients take half of it.

    Raises:
        ConfigError: the device does not exist.
    """
    with threads(config.threads):
        run = in_round(config, data)
        large = min(config.optim.batch_size, data.num_train)
        small = max(min(2, large), large // SMALLER)
        laps = list(within(step_laps(run, [small, large] * (MOST_LAPS // 2)), seconds))
        step, sample = fit((small, laps[::2]), (large, laps[1::2]))
        return Speed(step, sample, forward_seconds(run, seconds / 2))


def in_round(config: TrainConfig, data: ArrayData) -> Run:
    """Return a run in a round of all samples, with masks at the final sparsity.

    Its recorded logits are zeros that take no memory.
    """
    run = Run(config.with_values({"coreset.fraction": 1.0}), data)
    run.epoch = config.warmup_epochs
    recorded = None
    if config.preserve.weight > 0:
        recorded = torch.zeros(1, data.num_classes, device=run.device).expand(data.num_train, -1)
    run.round = Round(Coreset.everything(data.num_train, run.device), recorded)
    if config.prune.traits.prunes:
        thin(run, config.prune.sparsity)
    return run


def step_laps(run: Run, sizes: Sequence[int]) -> Iterator[float]:
    """Time training steps of some batch sizes, with batches read ahead as in an epoch."""
    places = torch.arange(sum(sizes), device=run.device) % run.data.num_train
    parts = places.split(list(sizes))
    run.model.train()
    with seeded(run.config.seed, "forward", run.epoch, run.device):
        batches = run.train_set.batches(map(run.indices, parts), run.augmentation())
        started = now(run.device)
        for part, images in zip(parts, batches, strict=True):
            train_step(run, part, images)
            ended = now(run.device)
            yield ended - started
            started = ended


def forward_seconds(run: Run, seconds: float) -> float:
    """Measure the seconds per sample of passes without gradients, of increasing size."""
    most = min(MOST_SCANNED, run.data.num_train)
    spent, size = 0.0, min(32, most)
    rates: dict[int, list[float]] = defaultdict(list)
    for _ in range(MOST_LAPS):
        started = now(run.device)
        with run.autocast():
            predict_logits(run.model, run.train_set.scan(torch.arange(size, device=run.device)))
        lap = now(run.device) - started
        spent += lap
        rates[size].append(lap / size)
        if spent >= seconds:
            break
        size = min(2 * size, most)
    return statistics.median(rates[max(rates)])


def solver_seconds(config: TrainConfig, data: ArrayData) -> float:
    """Measure a scorer's seconds per FLOP of the ledger; 0 if it has no solver.

    The solver runs on random features, with at most 10 classes and 1,024 samples.
    """
    if config.coreset.fraction == 1:
        return 0.0
    scorer, device = SCORERS[config.coreset.scorer], pick_device(config.device)
    labels = some_labels(data).to(device)
    counts, width = torch.bincount(labels).tolist(), num_features(config.model, data)
    size = max(len(counts), coreset_size(len(labels), config.coreset.fraction))
    sizes = group_sizes(counts, size, balanced=config.coreset.balanced)
    flops = scorer.solver_flops(sizes, data.num_classes, width)
    if not flops:
        return 0.0
    draw = generator(config.seed, "calibration")
    hidden, logits = (
        torch.randn(len(labels), each, generator=draw).to(device)
        for each in (width, data.num_classes)
    )
    features = Features(hidden, logits, labels, Memory(len(labels), device))
    laps = []
    with threads(config.threads):
        for _ in range(2):
            started = now(device)
            scorer.select(features, make_groups(labels, sizes), draw, config.coreset)
            laps.append(now(device) - started)
    return min(laps) / flops


def some_labels(data: ArrayData) -> torch.Tensor:
    """Return at most 1,024 training labels of at most 10 classes, numbered from 0 without gaps."""
    labels = torch.as_tensor(data.train_labels)
    few = labels[labels < labels.unique()[:SOLVED_CLASSES][-1] + 1]
    spread = few[:: max(1, -(-len(few) // SOLVED))]
    compact: torch.Tensor = spread.unique(return_inverse=True)[1]
    return compact


def num_features(model: str, data: ArrayData) -> int:
    """Return the number of inputs of a network's last linear layer."""
    network = outline(model, data.input_shape, data.num_classes)
    return model_cost(network, data.input_shape).num_features


def within(laps: Iterator[float], seconds: float) -> Iterator[float]:
    """Yield laps until their total reaches some seconds; at least one."""
    spent = 0.0
    for lap in laps:
        yield lap
        spent += lap
        if spent >= seconds:
            return


def fit(
    small: tuple[int, Sequence[float]], large: tuple[int, Sequence[float]]
) -> tuple[float, float]:
    """Fit the seconds per step and per sample to laps of two batch sizes.

    The first lap of each size is a warm-up and is used only if it is the only one. Neither result
    is negative.

    Args:
        small: the smaller batch size, and its laps.
        large: the larger batch size, and its laps, which may be empty.
    """
    (few, short), (many, long) = small, large
    mean_short = statistics.fmean(short[1:] or short)
    if not long or many == few:
        return 0.0, mean_short / few
    mean_long = statistics.fmean(long[1:] or long)
    sample = min(max(0.0, (mean_long - mean_short) / (many - few)), mean_long / many)
    return max(0.0, mean_long - many * sample), sample


def now(device: torch.device) -> float:
    """Return the time in seconds after waiting for a device to finish its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
