"""FLOPs, seconds and memory of one trial, against its samples and against its network's size.

    python -m bench.scaling [--most 1000000] [--json FILE]

A trial is `swast.train` with a selection in each of two rounds, on one thread: three epochs of a
perceptron of one narrow hidden layer on random vectors, the coreset a tenth of them. Selection is
`swast.training.select`, including its forward pass. For a scorer whose definition takes more than
n log n, sizes stop before a trial takes minutes. gradmatch is measured twice: once with a tenth of
the samples, and once with 100 picks a class at every size.

Each trial has a process of its own, forked from one that has imported PyTorch. Seconds are its CPU
time. Memory is its peak beyond what it held, data included, when the training began. A slope is
that of a line through the logarithms of the last two sizes: 1 is proportional.
"""

from __future__ import annotations

import argparse
import importlib
import math
import multiprocessing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bench import sheet
from bench.loop import Watch
from bench.memory import Peak
from swast import TrainConfig, train
from swast.data import ArrayData
from swast.run import Run

TRAINING: Any = importlib.import_module("swast.training")
CLASSES, SHAPE, HELD_OUT = 10, (1, 4, 4), 1000
SIZES, FEW = (1_000, 10_000, 100_000, 1_000_000), (1_000, 3_000, 10_000)
CASES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "random": ({}, SIZES),
    "el2n": ({}, SIZES),
    "moderate": ({}, SIZES),
    "glister": ({}, SIZES),
    "gradmatch, 100 a class": ({"picks": 100}, SIZES[1:]),
    "gradmatch": ({}, FEW),
    "craig": ({}, FEW),
    "k-center": ({}, FEW),
    "herding": ({}, FEW),
}
"""Scorers, their options, and the numbers of samples they choose from."""
NARROW, WIDTHS, SAMPLES = 16, (64, 256, 1024, 2048), 2_000
GROWN = ("samples", "weights")
FIELDS = ("flops", "seconds", "selection", "mib")
Point = dict[str, float]


def perceptron(width: int, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Build a perceptron with two hidden layers of one width; its size grows with the square."""
    layers = [nn.Flatten(), nn.Linear(math.prod(shape), width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes))


# Names by which a configuration can refer to the networks: bench.scaling:width_64.
globals().update({f"width_{each}": partial(perceptron, each) for each in (NARROW, *WIDTHS)})


def vectors(samples: int) -> ArrayData:
    """Return random vectors in ten classes, as small images."""
    random = np.random.default_rng(0)
    labels = np.arange(samples) % CLASSES
    images = random.standard_normal((samples, *SHAPE), dtype=np.float32)
    held, held_labels = images[:HELD_OUT].copy(), labels[:HELD_OUT].copy()
    both = (held, held_labels)
    return ArrayData(CLASSES, images, labels, labels, *both, *both)


def asked(width: int, scorer: str, fraction: float) -> TrainConfig:
    """Return a trial's configuration."""
    return TrainConfig().with_values(
        {
            "model": f"bench.scaling:width_{width}",
            "device": "cpu",
            "epochs": 3,
            "warmup_epochs": 1,
            "interval": 1,
            "coreset.scorer": scorer,
            "coreset.fraction": fraction,
            "optim.batch_size": 256,
        }
    )


def prepare() -> None:
    """Import what a training imports late, so that no trial spends time or memory on it.

    There is no backward pass, since PyTorch cannot train in a forked process after one.
    """
    torch.set_num_threads(1)
    config, data = asked(NARROW, "gradmatch", 0.1), vectors(SIZES[0])
    run = Run(config, data)
    TRAINING.select(run)
    run.optimizer.zero_grad()
    TRAINING.price(config, data)


def trial(samples: int, width: int, scorer: str, picks: int | None) -> Point:
    """Run one trial in the calling process."""
    torch.set_num_threads(1)
    data, watch = vectors(samples), Watch()
    config = asked(width, scorer, 0.1 if picks is None else picks * CLASSES / samples)
    TRAINING.select = watch.on("select", TRAINING.select)
    with Peak() as peak:
        result = watch.on("train", train)(config, data=data)
    return {
        "samples": samples,
        "weights": sum(value.numel() for value in result.state.values()),
        "flops": result.train_flops,
        "seconds": watch.seconds["train"][0],
        "selection": sum(watch.seconds["select"]),
        "mib": peak.mib,
    }


def apart(*arguments: Any) -> Point:  # noqa: ANN401
    """Run a trial in a process of its own."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(trial, arguments)


def slope(points: list[Point], size: str, field: str) -> float:
    """Return a field's slope against a size, from the logarithms of the last two points."""
    before, last = points[-2:]
    return math.log(last[field] / before[field]) / math.log(last[size] / before[size])


def by_samples(most: int) -> dict[str, list[Point]]:
    """Run trials of growing numbers of samples, by scorer."""
    return {
        name: [
            apart(size, NARROW, name.partition(",")[0], asked.get("picks"))
            for size in sizes
            if size <= most
        ]
        for name, (asked, sizes) in CASES.items()
    }


def by_width() -> dict[str, list[Point]]:
    """Run trials of growing networks, by scorer."""
    scorers = ("random", "el2n", "gradmatch")
    return {name: [apart(SAMPLES, width, name, None) for width in WIDTHS] for name in scorers}


def show(found: dict[str, dict[str, list[Point]]]) -> None:
    """Print the tables, each with its slopes."""
    for size in GROWN:
        _show(size, found[size])


def _show(size: str, found: dict[str, list[Point]]) -> None:
    print(f"| scorer | {size} | FLOPs | seconds | of that selection | MiB |")
    print("|---" * 6 + "|")
    for name, points in found.items():
        for each in points:
            print(
                f"| {name} | {each[size]:,} | {each['flops']:.3g} | {each['seconds']:.2f} "
                f"| {each['selection']:.3f} | {each['mib']:.0f} |"
            )
        if len(points) > 1:
            cells = (f"{slope(points, size, field):.2f}" for field in FIELDS)
            print(f"| {name} | slope | " + " | ".join(cells) + " |")
    print()


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description="growth of a trial's cost with its size")
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    prepare()
    known = sheet.facts()
    found = {"samples": by_samples(options.most), "weights": by_width()}
    show(found)
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
