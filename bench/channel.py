"""Seconds an epoch with half of resnet20's channels pruned, against the whole network.

    python -m bench.channel [--repeats 5] [--samples 1024] [--json FILE]

Both trainings take turns on the same random images of CIFAR-10's shape, one thread each: one epoch
of the whole network, then epochs after a one-shot prune step. The ratio of FLOPs is the limit.
"""

from __future__ import annotations

import argparse
import json
import statistics
from itertools import pairwise
from pathlib import Path

import numpy as np

from swast import TrainConfig, train
from swast.data import ArrayData, from_arrays

EPOCHS = 3
BASE = {
    "model": "resnet20",
    "device": "cpu",
    "epochs": EPOCHS,
    "warmup_epochs": 1,
    "interval": EPOCHS,
    "coreset.fraction": 1,
    "preserve.weight": 0,
    "optim.batch_size": 64,
}
WHOLE = {**BASE, "prune.method": "none"}
THINNED = {
    **BASE,
    "prune.method": "channel",
    "prune.sparsity": 0.5,
    "prune.schedule": "one-shot",
    "prune.distribution": "uniform",
}


def random_images(samples: int) -> ArrayData:
    """Return random images of 32 × 32 in ten classes."""
    random = np.random.default_rng(0)
    train_set, test_set = (
        (random.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8), np.arange(n) % 10)
        for n in (samples, 100)
    )
    return from_arrays(train_set, test_set, test_set)


def seconds_per_epoch(values: dict[str, object], data: ArrayData) -> tuple[float, int]:
    """Return median seconds of the epochs after the prune step, and FLOPs without evaluation."""
    history = train(TrainConfig().with_values(values), data=data).history
    seconds = [after.seconds - before.seconds for before, after in pairwise(history[1:])]
    return statistics.median(seconds), history[-1].train_flops - history[-2].train_flops


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="channel pruning against the whole network")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = random_images(options.samples)
    pairs = [
        (seconds_per_epoch(WHOLE, data), seconds_per_epoch(THINNED, data))
        for _ in range(options.repeats)
    ]
    whole = statistics.median(pair[0][0] for pair in pairs)
    thinned = statistics.median(pair[1][0] for pair in pairs)
    ratios = sorted(pair[1][0] / pair[0][0] for pair in pairs)
    found = {
        "samples": options.samples,
        "repeats": options.repeats,
        "whole_seconds": whole,
        "thinned_seconds": thinned,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "flops_ratio": pairs[0][1][1] / pairs[0][0][1],
    }
    print(f"whole network     {whole:8.2f} s an epoch of {options.samples} samples")
    print(f"half its channels {thinned:8.2f} s")
    print(
        f"ratio             {found['ratio']:8.3f}   ({ratios[0]:.3f} to {ratios[-1]:.3f}); "
        f"of FLOPs {found['flops_ratio']:.3f}"
    )
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
