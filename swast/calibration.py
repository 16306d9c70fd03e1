"""How fast a network trains here: a short measurement, from which the time of a run follows.

Time follows what passes through the network, not the bill: a masked weight is multiplied like any
other. So some steps are made as a round makes them (masks, preservation, augmentation, reading),
on the real data, with large batches and small ones in turn, and some passes without gradients.
What a training takes follows from its `swast.cost.Passes`. The solver of a selection is timed by
itself, on random features, by the FLOP that the ledger counts for it.

Not measured are updates of masks on line (every tenth step at most) and checkpoints; and removed
channels are not credited.
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
"""Time that a calibration takes; at least one step and one pass are made."""
MOST_LAPS = 400
"""Steps, and passes, that it makes at most."""
SMALLER = 4
"""A small batch is so many times smaller than a large one."""
MOST_SCANNED = 1024
"""Samples of a pass without gradients, at most."""
SOLVED, SOLVED_CLASSES = 1024, 10
"""Samples and classes of a selection that is timed, at most."""


@dataclass(frozen=True)
class Speed:
    """Seconds that a network takes here.

    Attributes:
        step: a training step, whatever its batch.
        sample: each of its samples beyond that, forward and backward.
        forward: a sample of a pass without gradients.
    """

    step: float
    sample: float
    forward: float

    def seconds(self, passes: Passes) -> float:
        """Seconds that a run takes."""
        both = passes.training + passes.saliency
        return self.step * passes.steps + self.sample * both + self.forward * passes.forward


def calibrate(config: TrainConfig, data: ArrayData, seconds: float = SECONDS) -> Speed:
    """Measure a configuration's network on its device.

    Args:
        config: what would be trained.
        data: its data set, with clean labels.
        seconds: for steps; half as many for passes without gradients.

    Raises:
        ConfigError: its device is not there.
    """
    with threads(config.threads):
        run = in_round(config, data)
        large = min(config.optim.batch_size, data.num_train)
        small = max(min(2, large), large // SMALLER)
        laps = list(within(step_laps(run, [small, large] * (MOST_LAPS // 2)), seconds))
        step, sample = fit((small, laps[::2]), (large, laps[1::2]))
        return Speed(step, sample, forward_seconds(run, seconds / 2))


def in_round(config: TrainConfig, data: ArrayData) -> Run:
    """A run in a round of all samples, its masks at the final sparsity, with something recorded.

    What it recorded is zeros, and takes no memory.
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
    """Seconds of each of some training steps, their batches read ahead as an epoch reads them."""
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
    """Seconds a sample of passes without gradients: of a few samples first, then of more."""
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
    """Seconds that a configuration's solver takes for a FLOP of the ledger; 0 where it has none.

    It chooses among random features, of 10 classes and 1,024 samples at most.
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
    """Training labels of 10 classes at most, 1,024 at most, counted from 0 without a gap."""
    labels = torch.as_tensor(data.train_labels)
    few = labels[labels < labels.unique()[:SOLVED_CLASSES][-1] + 1]
    spread = few[:: max(1, -(-len(few) // SOLVED))]
    compact: torch.Tensor = spread.unique(return_inverse=True)[1]
    return compact


def num_features(model: str, data: ArrayData) -> int:
    """Inputs of a network's last linear layer."""
    network = outline(model, data.input_shape, data.num_classes)
    return model_cost(network, data.input_shape).num_features


def within(laps: Iterator[float], seconds: float) -> Iterator[float]:
    """The first of some laps, until they have taken some seconds together; one at least."""
    spent = 0.0
    for lap in laps:
        yield lap
        spent += lap
        if spent >= seconds:
            return


def fit(
    small: tuple[int, Sequence[float]], large: tuple[int, Sequence[float]]
) -> tuple[float, float]:
    """Seconds of a step and of a sample, from the laps of batches of two sizes.

    The first lap of each size warms up, and counts only where there is no other. Neither result
    is negative.

    Args:
        small: samples of a batch, and its laps.
        large: the same of larger batches; there may be no laps.
    """
    (few, short), (many, long) = small, large
    mean_short = statistics.fmean(short[1:] or short)
    if not long or many == few:
        return 0.0, mean_short / few
    mean_long = statistics.fmean(long[1:] or long)
    sample = min(max(0.0, (mean_long - mean_short) / (many - few)), mean_long / many)
    return max(0.0, mean_long - many * sample), sample


def now(device: torch.device) -> float:
    """The time in seconds at which a device has done all that it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
