"""Speed of coreset selection: gradmatch against CORDS, every scorer against a forward pass.

    python -m bench.selection [--repeats 5] [--threads 1] [--json FILE]

1. The same last-layer gradients, λ, threads and double precision: 10 classes of 1,000 samples,
   512 features, 10 × 513 numbers a gradient. CORDS' solvers (`omp_solvers.py` from PyPI, loaded by
   path: the torch one on CPU tensors, the NumPy one) receive ready-made gradients, class after
   class; ours computes its inner products itself. Repeats alternate; medians. Residuals are
   computed outside. The NumPy solver, by far the slower, runs once.
2. Ours on 10 × 5,000 samples, 250 picks a class: seconds, and peak memory beyond the features.
3. Every scorer on 50,000 samples of 512 features, 10 % of them to pick, beside one forward pass of
   resnet18 over 50,000 images of 32 × 32, measured on some of them.

The lower bound of part 1: the inner products of all atoms with the picked ones, 2·k·n·(C + E)
operations a class, at the speed of a matrix product of that size on this machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import sheet
from bench.memory import Peak
from bench.peers import from_file
from swast.calibration import now
from swast.config import CoresetConfig, ScorerName
from swast.coresets import SCORERS, make_groups
from swast.coresets.base import GroupSize
from swast.coresets.gradmatch import RIDGE, match
from swast.data.samples import CHUNK
from swast.features import Features, evaluating
from swast.memory import Memory
from swast.models import build_model

CPU = torch.device("cpu")
CLASSES, WIDTH = 10, 512
PICKS = {10: 10, 50: 8, 100: 15}
"""Picks a class, and our goal: times faster than the faster of CORDS' two solvers."""
LARGE, LARGE_PICKS = 5000, 250
SOLVERS = "cords/selectionstrategies/helpers/omp_solvers.py"
PICTURES = 256
TOLERANCE = 1e-10
"""Residual below which CORDS' solvers stop early: so small that they never do, like ours."""


def synthetic(per_class: int, seed: int = 0) -> Features:
    """Return rectified features in overlapping clusters, with a half-trained network's logits."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(CLASSES).repeat_interleave(per_class)
    centres = torch.randn(CLASSES, WIDTH, generator=draw)
    hidden = (torch.randn(len(labels), WIDTH, generator=draw) + 0.3 * centres[labels]).relu()
    logits = hidden @ centres.T * (3 / WIDTH**0.5) * 0.3
    logits += torch.randn(len(labels), CLASSES, generator=draw)
    return Features(hidden, logits, labels, Memory(len(labels), CPU))


def groups_of(features: Features, picks: int) -> list[Any]:
    """Return one group a class."""
    size = len(features.labels) // CLASSES
    return make_groups(features.labels, [GroupSize(size, picks)] * CLASSES)


def gradients(features: Features) -> list[torch.Tensor]:
    """Return the last layer's gradient of every sample of each class, n × C(E + 1), double."""
    whole = torch.einsum("nc,ne->nce", features.errors.double(), features.extended.double())
    flat = whole.flatten(1)
    return [flat[features.labels == label] for label in range(CLASSES)]


def timed(work: Callable[[], Any], device: torch.device = CPU) -> tuple[float, Any]:
    """Return the seconds of some work on a device, and its result."""
    started = now(device)
    found = work()
    return now(device) - started, found


def ours(features: Features, picks: int) -> list[torch.Tensor]:
    """Return the weights of every sample of each class, by our pursuit."""
    found = []
    for group, places, weights in match(features, groups_of(features, picks)):
        found.append(torch.zeros(len(group.indices), dtype=torch.float64))
        found[-1][places] = weights
    return found


def theirs(
    solver: Callable[..., Any], matrices: list[Any], ridges: list[float], picks: int
) -> list[torch.Tensor]:
    """Return the same weights by a solver of CORDS, class after class."""
    found = []
    for matrix, ridge in zip(matrices, ridges, strict=True):
        total = matrix.sum(1)
        weights = solver(matrix, total, tol=TOLERANCE, nnz=picks, positive=True, lam=ridge)
        found.append(torch.as_tensor(weights, dtype=torch.float64))
    return found


def quality(rows: list[torch.Tensor], weights: list[torch.Tensor]) -> tuple[float, float]:
    """Return the mean of ‖Σ w g − Σ g‖ / ‖Σ g‖ over the classes, and the least weight."""
    residuals = [
        float((row.T @ weight - row.sum(0)).norm() / row.sum(0).norm())
        for row, weight in zip(rows, weights, strict=True)
    ]
    return statistics.mean(residuals), min(float(weight.min()) for weight in weights)


def limit(per_class: int, picks: int) -> float:
    """Return seconds of the inner products alone, as matrix products in double precision."""
    atoms, chosen = (
        torch.randn(per_class, WIDTH + CLASSES).double(),
        torch.randn(picks, WIDTH + CLASSES).double(),
    )
    times = [timed(lambda: atoms @ chosen.T)[0] for _ in range(20)]
    return CLASSES * statistics.median(times)


def against_cords(repeats: int) -> list[dict[str, Any]]:
    """Measure part 1."""
    before = np.geterr()
    cords = from_file("cords", SOLVERS)
    np.seterr(**before)  # the file makes every underflow an error
    features, rows = synthetic(1000), []
    atoms = gradients(features)
    tensors = [each.T.contiguous() for each in atoms]
    arrays = [each.numpy() for each in tensors]
    ridges = [RIDGE * float(each.square().sum(1).mean()) for each in atoms]
    for picks, wanted in PICKS.items():
        ways: dict[str, Callable[[], list[torch.Tensor]]] = {
            "ours": partial(ours, features, picks),
            "torch": partial(theirs, cords.OrthogonalMP_REG_Parallel_V1, tensors, ridges, picks),
            "numpy": partial(theirs, cords.OrthogonalMP_REG, arrays, ridges, picks),
        }
        seconds: dict[str, float] = {}
        found: dict[str, list[torch.Tensor]] = {}
        for name, way in ways.items():
            seconds[name], found[name] = timed(way)
        times: dict[str, list[float]] = {"ours": [], "torch": []}
        for _ in range(repeats):
            for name, taken in times.items():
                taken.append(timed(ways[name])[0])
        seconds |= {name: statistics.median(each) for name, each in times.items()}
        faster = "torch" if seconds["torch"] <= seconds["numpy"] else "numpy"
        peer = times.get(faster, [seconds[faster]] * repeats)
        pairs = [other / mine for mine, other in zip(times["ours"], peer, strict=True)]
        row: dict[str, Any] = {"picks": picks, "wanted": wanted, "ratio": statistics.median(pairs)}
        row |= {"least": min(pairs), "most": max(pairs), "peer": faster}
        row["limit"] = limit(1000, picks)
        for name in ways:
            residual, least = quality(atoms, found[name])
            row |= {f"{name}_seconds": seconds[name], f"{name}_residual": residual}
            row |= {f"{name}_least_weight": least}
        rows.append(row)
    return rows


def large() -> dict[str, float]:
    """Measure part 2 in the calling process; memory is its peak beyond what it held before."""
    features = synthetic(LARGE)
    with Peak() as peak:
        seconds, found = timed(lambda: ours(features, LARGE_PICKS))
    return {
        "seconds": seconds,
        "picks": sum(int((weights > 0).sum()) for weights in found),
        "mib": peak.mib,
        "mib_n_by_n": CLASSES * LARGE**2 * 8 / 2**20,
        "mib_gradients": CLASSES * LARGE * CLASSES * (WIDTH + 1) * 8 / 2**20,
    }


def scorers(
    device: torch.device, model: str = "resnet18", side: int = 32, per_class: int = 5000
) -> dict[str, Any]:
    """Measure part 3 on a device; on a GPU the forward pass is in bf16.

    Args:
        device: to compute on.
        model: the network whose forward pass is compared with the scorers.
        side: of its images, in pixels.
        per_class: samples of each of the 10 classes.
    """
    seen = synthetic(per_class)
    hidden, logits, labels = (each.to(device) for each in (seen.hidden, seen.logits, seen.labels))
    features = Features(hidden, logits, labels, Memory(len(labels), device))
    groups = groups_of(features, max(1, per_class // 10))
    network = build_model(model, (3, side, side), CLASSES, 0).to(device)
    draw = torch.Generator().manual_seed(0)
    on_gpu = device.type == "cuda"
    images = torch.randn(CHUNK if on_gpu else PICTURES, 3, side, side, generator=draw).to(device)
    with evaluating(network), torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
        seconds = statistics.median(timed(lambda: network(images), device)[0] for _ in range(4))
    forward = seconds * len(features.labels) / len(images)
    return {
        "forward": forward,
        "scorers": {name: selecting(name, features, groups, device) for name in SCORERS},
    }


def selecting(
    name: ScorerName, features: Features, groups: list[Any], device: torch.device
) -> float:
    """Return seconds of a scorer's selection; on a GPU of the second, as the first loads code."""

    def select() -> object:
        draw = torch.Generator().manual_seed(0)
        return SCORERS[name].select(features, groups, draw, CoresetConfig())

    return [timed(select, device)[0] for _ in range(1 + (device.type == "cuda"))][-1]


def apart(part: str, threads: int) -> dict[str, Any]:
    """Run a part in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.selection"]
    command += ["--part", part, "--threads", str(threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(output)
    return found


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    say = print
    say(
        "| picks a class | ours | CORDS, torch | CORDS, NumPy | times faster | goal "
        "| residual, ours | torch | NumPy | limit |\n" + "|---" * 10 + "|"
    )
    for row in found["cords"]:
        say(
            "| {picks} | {ours_seconds:.4f} s | {torch_seconds:.4f} s | {numpy_seconds:.4f} s "
            "| {ratio:.1f} ({least:.1f} to {most:.1f}) | {wanted} | {ours_residual:.4f} "
            "| {torch_residual:.4f} | {numpy_residual:.4f} | {limit:.4f} s |".format(**row)
        )
    say(
        "\n10 × 5,000 samples, 250 picks a class: {seconds:.1f} s, {mib:.0f} MiB beyond the "
        "features (all inner products: {mib_n_by_n:.0f} MiB, all gradients: {mib_gradients:.0f} "
        "MiB)\n".format(**found["large"])
    )
    forward = found["scorers"]["forward"]
    say(f"| scorer | seconds | of the forward pass ({forward:.0f} s) |\n|---|---|---|")
    for name, seconds in found["scorers"]["scorers"].items():
        say(f"| {name} | {seconds:.2f} | {seconds / forward:.4f} |")


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description="coreset selection")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", choices=("large", "scorers"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    if options.part:
        print(json.dumps(large() if options.part == "large" else scorers(CPU)))
        return
    known = sheet.facts()
    found: dict[str, Any] = {"threads": options.threads, "cords": against_cords(options.repeats)}
    found |= {part: apart(part, options.threads) for part in ("large", "scorers")}
    show(found)
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
