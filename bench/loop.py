"""Seconds a sample of `swast.train`, against a minimal PyTorch loop that trains the same.

    python -m bench.loop [--networks cnn-small mlp-small resnet20] [--arms dense coreset …]
        [--threads 1] [--json FILE]

The limit is the bare loop: the same network, batch size, learning rate and SGD from `torch.optim`,
images held in memory as normalised floats, a permutation an epoch, no records. It evaluates the
validation set once an epoch, as a training does. For an arm with a coreset it trains on a fixed
subset of the same size, without masks.

Both take turns, epoch by epoch, in one process. Seconds are this process's CPU time, so other
load on the same cores matters little. A ratio is the median over an arm's epochs, each divided by
the bare loop's epoch beside it:

- steps: only the training of an epoch; at most 1.05 dense, and 1.15 with coreset and masks;
- epochs: with evaluation, in both; epochs that begin a round are left out;
- rounds: all epochs, with selection, recording, pruning and the records of each round.

Each arm from the third on adds one feature to the arm before. The second table has the time of
each part, for the arms that ran.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench import sheet
from bench.channel import random_images
from swast import TrainConfig, train
from swast.data import ArrayData, load_data
from swast.features import evaluating
from swast.models import build_model
from swast.run import Run

TRAINING: Any = importlib.import_module("swast.training")
PARTS = ("select", "record", "open_round", "prune", "train_epoch", "evaluate", "close_round")
"""Parts of an epoch of `swast.training`."""
INTERVAL = 5
LIMITS = {"dense": 1.05, "masks": 1.15}
BASE: dict[str, Any] = {
    "device": "cpu",
    "coreset.fraction": 1,
    "prune.method": "none",
    "preserve.weight": 0,
    "optim.schedule": "constant",
}
CORESET = {"interval": INTERVAL, "warmup_epochs": 0, "coreset.fraction": 0.1}
MASKS = {**CORESET, "prune.method": "rigl", "prune.sparsity": 0.9, "prune.schedule": "one-shot"}
ARMS: dict[str, dict[str, Any]] = {
    "dense": {},
    "coreset": CORESET,
    "masks": MASKS,
    "preservation": {**MASKS, "preserve.weight": 0.1},
    "diagnosis": {**MASKS, "preserve.weight": 0.1, "diagnose.passes": True},
}


@dataclass(frozen=True)
class Work:
    """Data, batch size and epochs of a network's trainings.

    Attributes:
        data: loads the data set.
        batch: samples of a step.
        dense, tailored: epochs of the first arm, and of the others; the first one is not counted.
    """

    data: Callable[[], ArrayData]
    batch: int
    dense: int
    tailored: int


WORKS = {
    "cnn-small": Work(lambda: load_data("digits"), 32, 16, 61),
    "mlp-small": Work(lambda: load_data("digits"), 32, 41, 101),
    "resnet20": Work(lambda: random_images(640), 128, 3, 11),
}


@dataclass
class Watch:
    """Stopwatch for the parts of a run's epochs."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def on(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its seconds are recorded."""

        def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            started = time.process_time()
            found = work(*arguments, **options)
            self.seconds[part].append(time.process_time() - started)
            return found

        return timed


def floats(data: ArrayData, images: Any) -> torch.Tensor:  # noqa: ANN401
    """Convert images to the normalised floats of the bare loop."""
    held = torch.tensor(np.asarray(images))
    return held if data.colours is None else data.colours.normaliser(held.device)(held)


def bare(config: TrainConfig, data: ArrayData, samples: int, watch: Watch) -> Iterator[None]:
    """Run the bare loop; yields after every epoch."""
    model = build_model(config.model, data.input_shape, data.num_classes, config.seed)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.optim.lr,
        momentum=config.optim.momentum,
        nesterov=config.optim.nesterov,
        weight_decay=config.optim.weight_decay,
    )
    images = floats(data, data.train_images)[:samples]
    labels = torch.tensor(data.train_labels[:samples])
    val_images, val_labels = floats(data, data.val_images), torch.tensor(data.val_labels)

    def epoch() -> None:
        model.train()
        for part in torch.randperm(samples).split(config.optim.batch_size):
            loss = functional.cross_entropy(model(images[part]), labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def evaluate() -> None:
        with evaluating(model):
            logits = torch.cat([model(part) for part in val_images.split(1024)])
            (logits.argmax(1) == val_labels).sum().item()

    while True:
        watch.on("train_epoch", epoch)()
        watch.on("evaluate", evaluate)()
        yield


def measured(name: str, arm: str) -> dict[str, Any]:
    """Measure one arm of one network: ratios to the bare loop, seconds of the parts."""
    work = WORKS[name]
    data, epochs = work.data(), work.dense if arm == "dense" else work.tailored
    last = {"model": name, "optim.batch_size": work.batch, "epochs": epochs}
    config = TrainConfig().with_values({**BASE, "warmup_epochs": epochs, **ARMS[arm], **last})
    run, ours, theirs = Run(config, data), Watch(), Watch()
    samples = data.num_train if arm == "dense" else run.coreset_size
    plain = {part: getattr(TRAINING, part) for part in PARTS}
    loop = bare(config, data, samples, theirs)
    try:
        for part in PARTS:
            setattr(TRAINING, part, ours.on(part, plain[part]))
        turns = TRAINING.epochs(run)
        for _ in range(epochs):
            theirs.on("epoch", next)(loop)
            ours.on("epoch", next)(turns)
    finally:
        for part in PARTS:
            setattr(TRAINING, part, plain[part])
    return compared(ours.seconds, theirs.seconds, samples, arm) | bookkeeping(run, samples)


def compared(
    ours: dict[str, list[float]], theirs: dict[str, list[float]], samples: int, arm: str
) -> dict[str, Any]:
    """Return ratios to the bare loop, and seconds of the parts."""
    rest = range(1, len(ours["epoch"]))
    inside = [place for place in rest if arm == "dense" or place % INTERVAL]

    def ratios(part: str, places: Any) -> list[float]:  # noqa: ANN401
        return [ours[part][place] / theirs[part][place] for place in places]

    steps = sorted(ratios("train_epoch", inside))
    quarter = len(steps) // 4
    return {
        "samples": samples,
        "bare": statistics.median(theirs["train_epoch"][1:]) / samples,
        "ours": statistics.median(ours["train_epoch"][place] for place in inside) / samples,
        "steps": statistics.median(steps),
        "least": steps[quarter],
        "most": steps[-1 - quarter],
        "epochs": statistics.median(ratios("epoch", inside)),
        "rounds": sum(ours["epoch"][1:]) / sum(theirs["epoch"][1:]),
        "limit": LIMITS.get(arm),
        "parts": {part: statistics.median(taken) for part, taken in ours.items()},
        "bare_parts": {part: statistics.median(taken) for part, taken in theirs.items()},
    }


def bookkeeping(run: Run, samples: int) -> dict[str, float]:
    """Measure work too small for an arm of its own: masking gradients, and billing a step."""

    def bill() -> None:
        run.ledger.training += 3 * run.forward_flops * samples

    found = {}
    for part, work in {"mask": run.masks.mask_gradients, "bill": bill}.items():
        watch = Watch()
        for _ in range(20):
            watch.on(part, lambda work=work: [work() for _ in range(50)])()
        found[part] = statistics.median(watch.seconds[part]) / 50
    return found


def ends(name: str) -> float:
    """Return seconds of `swast.train` outside its epochs: setup before and pricing after."""
    work = WORKS[name]
    values = {**BASE, **MASKS, "model": name, "epochs": 1, "optim.batch_size": work.batch}
    config, data, watch = TrainConfig().with_values(values), work.data(), Watch()
    plain = TRAINING.one_epoch
    try:
        TRAINING.one_epoch = watch.on("epoch", plain)
        for _ in range(3):
            watch.on("whole", train)(config, data=data)
    finally:
        TRAINING.one_epoch = plain
    pairs = zip(watch.seconds["whole"], watch.seconds["epoch"], strict=True)
    return statistics.median(whole - epoch for whole, epoch in pairs)


def show(found: dict[str, Any]) -> None:
    """Print both tables."""
    say, networks = print, found["networks"]
    say("| network | arm | samples an epoch | bare, a sample | ours | steps | epochs | rounds |")
    say("|---" * 8 + "|")
    for name, arms in networks.items():
        for arm, row in arms["arms"].items():
            most = f", at most {row['limit']}" if row["limit"] else ""
            say(
                f"| {name} | {arm} | {row['samples']} | {1e6 * row['bare']:.1f} µs "
                f"| {1e6 * row['ours']:.1f} µs | {row['steps']:.3f} ({row['least']:.3f} to "
                f"{row['most']:.3f}){most} | {row['epochs']:.3f} | {row['rounds']:.3f} |"
            )
    say("\n| part | when |" + "".join(f" {name} |" for name in networks))
    say("|---" * (2 + len(networks)) + "|")
    for label, when, pick in LINES:
        with suppress(KeyError):  # its arm did not run
            cells = [f" {1e3 * pick(arms):.3f} ms |" for arms in networks.values()]
            say(f"| {label} | {when} |" + "".join(cells))


def _part(arm: str, part: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: float(found["arms"][arm]["parts"][part])


LINES: tuple[tuple[str, str, Callable[[dict[str, Any]], float]], ...] = (
    ("evaluation", "an epoch", _part("masks", "evaluate")),
    (
        "evaluation, bare",
        "an epoch",
        lambda found: found["arms"]["masks"]["bare_parts"]["evaluate"],
    ),
    ("masks: gradients", "a step", lambda found: found["arms"]["masks"]["mask"]),
    ("masks: prune step", "a round", _part("masks", "prune")),
    ("ledger", "a step", lambda found: found["arms"]["masks"]["bill"]),
    ("selection (gradmatch)", "a round", _part("masks", "select")),
    ("preservation: recording", "a round", _part("preservation", "record")),
    ("diagnosis: begin", "a round", _part("diagnosis", "open_round")),
    ("diagnosis: end, no passes", "a round", _part("masks", "close_round")),
    ("diagnosis: end, with passes", "a round", _part("diagnosis", "close_round")),
    ("before and after the epochs", "a training", lambda found: found["ends"]),
)


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description="the training loop against a bare one")
    parser.add_argument("--networks", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    known = sheet.facts()
    networks = {
        name: {"arms": {arm: measured(name, arm) for arm in options.arms}, "ends": ends(name)}
        for name in options.networks
    }
    found = {"threads": options.threads, "networks": networks}
    show(found)
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
