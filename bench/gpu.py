"""Speed of the trainer on a GPU: images a second, phases, selection, concurrent trials.

    python -m bench.gpu [--data npz:PATH] [--device cuda] [--full] [--json FILE]
    python -m bench.gpu --device cpu --small

Only the trainer is needed. Without data, random images of CIFAR-10's shape are used; the result
records that.

1. Images a second of training steps of resnet18, dense and in a round of SWaST (masks, recorded
   logits), batches of 512 with crops and flips: eager and compiled, fp32 and bf16, channels last
   or not, CUDA graphs. Beside them the share of the device's peak in bf16, by the dense FLOPs of
   the network, three forward passes a step.
2. Algorithm 1 at a coreset of 10 % against dense training, 200 epochs each: seconds by phase, and
   of all epochs: the sum over each kind of epoch or, with --full, measured whole.
3. Every scorer on 50,000 samples, beside the forward pass whose outputs it uses.
4. Trials an hour, 1, 2, 4 and 8 at a time in processes of their own.

The device is synchronised before a clock is read; warm-up is not counted.
"""

from __future__ import annotations

import argparse
import functools
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import phases, selection, sheet
from bench.packing import trials_an_hour
from swast.calibration import in_round, now
from swast.compute import pick_device
from swast.config import TrainConfig
from swast.data import ArrayData, load_data
from swast.data.arrays import from_arrays
from swast.rng import seeded
from swast.run import Run
from swast.steps import begin_epoch, train_step
from swast.training import threads

PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "GH200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A100": 312e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
}
"""FLOPs a second in bf16, dense, by NVIDIA's data sheets; the first key that is part of a
device's name counts."""
WANTED = {"images": 30_000, "times_faster": 7.0, "packing": 1.5}
"""Goals on an H200: dense images a second, dense seconds over SWaST's, the rate of four concurrent
trials over that of one."""
FREE = {"craig", "glister"}
"""Scorers that may cost more than the forward pass."""
BF16 = {"compute.precision": "bf16"}
LAST = {**BF16, "compute.channels_last": True}
WAYS: dict[str, dict[str, Any]] = {
    "fp32": {},
    "bf16": BF16,
    "bf16, channels last": LAST,
    "bf16, channels last, compiled": {**LAST, "compute.compile": True},
    "bf16, channels last, CUDA graphs": {**LAST, "compute.compile": True},
}
GRAPHS = "bf16, channels last, CUDA graphs"
DENSE = {"prune.method": "none", "preserve.weight": 0.0}


@dataclass(frozen=True)
class Size:
    """Sizes of the benchmark: for a GPU, or small enough for a test on a CPU."""

    model: str = "resnet18"
    train: int = 50_000
    test: int = 10_000
    side: int = 32
    batch: int = 512
    epochs: int = 200
    interval: int = 20
    warm_steps: int = 20
    repeats: int = 3
    at_once: tuple[int, ...] = (1, 2, 4, 8)
    trial_epochs: int = 10


SMALL = Size("cnn-small", 400, 80, 8, 40, 12, 4, 1, 1, (1, 2), 2)


def settings(size: Size, device: str, data: str) -> TrainConfig:
    """Return the training that every part varies: gradmatch at 10 %, rigl at 90 %."""
    return TrainConfig().with_values(
        {
            "data": data,
            "model": size.model,
            "device": device,
            "epochs": size.epochs,
            "warmup_epochs": 3,
            "interval": size.interval,
            "coreset.fraction": 0.1,
            "optim.batch_size": size.batch,
            "augment.crop": size.side // 8,
            "augment.flip": True,
            "loading.val_fraction": 0.02,
        }
    )


def synthetic(size: Size) -> ArrayData:
    """Return random bytes of CIFAR-10's shape, and labels."""
    draw = np.random.default_rng(0)

    def part(count: int) -> tuple[Any, Any]:
        shape = (count, 3, size.side, size.side)
        return draw.integers(0, 256, shape).astype(np.uint8), np.arange(count) % 10

    held_out = size.train // 50
    return from_arrays(part(size.train - held_out), part(held_out), part(size.test))


@contextmanager
def graphs(*, on: bool) -> Iterator[None]:
    """Compile models as CUDA graphs within the block, if ``on``."""
    plain = torch.compile
    torch.compile = functools.partial(plain, mode="reduce-overhead") if on else plain
    try:
        yield
    finally:
        torch.compile = plain


def images_a_second(run: Run, size: Size) -> float:
    """Return the speed of training steps: the median of epochs, each without its first steps."""
    rates = []
    for _ in range(size.repeats):
        with threads(run.config.threads), seeded(0, "bench", 0, run.device):
            batches = begin_epoch(run)
            for places, images in islice(batches, size.warm_steps):
                train_step(run, places, images)
            started, seen = now(run.device), 0
            for places, images in batches:
                train_step(run, places, images)
                seen += len(places)
            rates.append(seen / (now(run.device) - started))
    return statistics.median(rates)


def speeds(config: TrainConfig, data: ArrayData, size: Size) -> list[dict[str, Any]]:
    """Measure part 1; ways that need a compiler are measured on a GPU only."""
    rows = []
    whole = {"warmup_epochs": size.epochs}
    on_gpu = pick_device(config.device).type == "cuda"
    for way, values in WAYS.items():
        if "compute.compile" in values and not on_gpu:
            continue
        row: dict[str, Any] = {"way": way}
        with graphs(on=way == GRAPHS):
            dense = Run(config.with_values({**values, **DENSE, **whole}), data)
            row["dense"] = images_a_second(dense, size)
            row["flops"] = dense.cost.step() * row["dense"]
            del dense
            row["swast"] = images_a_second(in_round(config.with_values(values), data), size)
        rows.append(row)
    return rows


def peak(device: torch.device) -> float | None:
    """Return the device's FLOPs a second in bf16; None if unknown."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((value for key, value in PEAKS.items() if key in name), None)


def training_time(config: TrainConfig, data: ArrayData, *, full: bool) -> dict[str, Any]:
    """Measure part 2, eager; in bf16 with channels last on a GPU."""
    if pick_device(config.device).type == "cuda":
        config = config.with_values(LAST)
    dense = config.with_values({**DENSE, "warmup_epochs": config.epochs})
    found: dict[str, Any] = {
        name: phases.measured(each, data, full=full)
        for name, each in (("dense", dense), ("swast", config))
    }
    return found | {"times_faster": found["dense"]["seconds"] / found["swast"]["seconds"]}


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    say: Callable[[str], None] = print
    top = found["peak"]
    say(f"{found['device']}, {found['data']}, {found['model']}\n")
    share = " share of the bf16 peak |" if top else ""
    say(f"| way | dense, images/s | SWaST, images/s |{share}\n|---|---|---|{'---|' * bool(top)}")
    for row in found["speeds"]:
        part = f" {row['flops'] / top:.1%} |" if top else ""
        say(f"| {row['way']} | {row['dense']:,.0f} | {row['swast']:,.0f} |{part}")
    if not top:
        say("\nno share of the peak: the device's peak is not known")
    times = found["training"]
    say("\n| phase | dense | SWaST |\n|---|---|---|")
    for name in ("warm-up training", *dict.fromkeys(phases.PHASES.values())):
        cells = [times[each]["phases"].get(name) for each in ("dense", "swast")]
        say(f"| {name} | " + " | ".join("" if c is None else f"{c:.4f} s" for c in cells) + " |")
    say(
        f"| all {found['epochs']} epochs | {times['dense']['seconds']:.1f} s "
        f"| {times['swast']['seconds']:.1f} s |\n\nfaster: {times['times_faster']:.2f} times"
    )
    forward = found["selection"]["forward"]
    say(f"\n| scorer | seconds | of the forward pass ({forward:.3f} s) |\n|---|---|---|")
    for name, seconds in found["selection"]["scorers"].items():
        say(f"| {name} | {seconds:.4f} | {seconds / forward:.3f} |")
    say("\n| trials at a time | trials an hour | of one at a time |\n|---|---|---|")
    for count, rate in found["packing"].items():
        say(f"| {count} | {rate:.0f} | {rate / found['packing'][1]:.2f} |")


def misses(found: dict[str, Any]) -> list[str]:
    """List the goals for an H200 that are missed."""
    best = max(row["dense"] for row in found["speeds"])
    packed = found["packing"].get(4, 0.0) / found["packing"][1]
    chosen = found["selection"]
    checks = [
        (best < WANTED["images"], f"{best:,.0f} images/s"),
        (found["training"]["times_faster"] < WANTED["times_faster"], "SWaST's time against dense"),
        (packed < WANTED["packing"], f"four at once are {packed:.2f} of one"),
    ]
    checks += [
        (seconds > chosen["forward"], f"{name} takes longer than the forward pass")
        for name, seconds in chosen["scorers"].items()
        if name not in FREE
    ]
    return [text for missed, text in checks if missed]


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description="the trainer on a GPU")
    parser.add_argument("--data", default="", help="npz:PATH of CIFAR-10; random images if absent")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to check that it runs")
    parser.add_argument("--full", action="store_true", help="train all 200 epochs of part 2")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = sheet.facts()
    size = SMALL if options.small else Size()
    config = settings(size, options.device, options.data or "npz:random")
    device = pick_device(options.device)
    data = load_data(config.data, config.loading) if options.data else synthetic(size)
    began = time.perf_counter()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    found: dict[str, Any] = {
        "device": name or "CPU",
        "data": options.data or "random images of CIFAR-10's shape",
        "model": size.model,
        "epochs": size.epochs,
        "full": options.full,
        "peak": peak(device),
        "speeds": speeds(config, data, size),
        "training": training_time(config, data, full=options.full),
        "selection": selection.scorers(device, size.model, size.side, size.train // 10),
        "packing": trials_an_hour(config, data, size.at_once, size.trial_epochs),
    }
    found["seconds"] = time.perf_counter() - began
    show(found)
    if device.type == "cuda":
        print("\n".join(["", *(f"goal missed: {text}" for text in misses(found))]))
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
