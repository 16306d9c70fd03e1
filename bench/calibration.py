"""Time of a training as a dry run estimates it, against the measured time.

    python -m bench.calibration [--repeats 5] [--epochs 10] [--json FILE]

Calibrations of a second and whole trainings of digits take turns in one process, so that both
run under the same load. A ratio is a training's seconds over the mean of the estimates before and
after it.
"""

from __future__ import annotations

import argparse
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench import sheet
from swast import TrainConfig, train
from swast.calibration import calibrate, solver_seconds
from swast.data import ArrayData, load_data
from swast.training import foresee

CASES: dict[str, dict[str, Any]] = {
    "cnn-small, the defaults": {},
    "cnn-small, random": {"coreset.scorer": "random"},
    "cnn-small, gradmatch, half the data, every 2 epochs": {
        "coreset.fraction": 0.5,
        "interval": 2,
    },
    "cnn-small, craig, every 2 epochs": {"coreset.scorer": "craig", "interval": 2},
    "cnn-small, dense": {
        "coreset.fraction": 1.0,
        "prune.method": "none",
        "preserve.weight": 0.0,
    },
    "mlp-small, the defaults": {"model": "mlp-small"},
    "mlp-small, batches of 256": {"model": "mlp-small", "optim.batch_size": 256},
}


def ratios(config: TrainConfig, data: ArrayData, repeats: int) -> tuple[list[float], list[float]]:
    """Return seconds of some trainings, and their ratios to the estimates around them."""
    foreseen = foresee(config, data)

    def estimate() -> float:
        solver = solver_seconds(config, data) * foreseen.ledger.solver
        return calibrate(config, data).seconds(foreseen.passes) + solver

    expected, taken = [estimate()], []
    for _ in range(repeats):
        taken.append(train(config, data=data).seconds)
        expected.append(estimate())
    around = [(before + after) / 2 for before, after in pairwise(expected)]
    return taken, [time / mean for time, mean in zip(taken, around, strict=True)]


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    print("| training | seconds | measured / foreseen, median | range |")
    print("|---|---|---|---|")
    for case in found["cases"]:
        spread = case["ratios"]
        print(
            f"| {case['training']} | {statistics.median(case['seconds']):.2f} "
            f"| {statistics.median(spread):.2f} | {min(spread):.2f} to {max(spread):.2f} |"
        )


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="foreseen time against measured time")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known, data, rows = sheet.facts(), load_data("digits"), []
    for name, values in CASES.items():
        given = {"device": "cpu", "epochs": options.epochs, **values}
        taken, found = ratios(TrainConfig().with_values(given), data, options.repeats)
        rows.append({"training": name, "seconds": taken, "ratios": found})
    cases = {"cases": rows}
    show(cases)
    sheet.keep(options.json, known, cases)


if __name__ == "__main__":
    main()
