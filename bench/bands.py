"""Draw the replays of `bench.search`: hypervolume against FLOPs spent, with bands over the seeds.

    python -m bench.bands REPLAYS.jsonl PICTURE.png [--study digits]

A line is the median over the seeds; its band reaches from quartile to quartile. It ends when half
of the replays have ended.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.record import recorded_study
from bench.search import Replays, gains, read, yardstick
from search.objectives import Objectives
from studies.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, YELLOW, band, drawing

SHOWN = {
    "optuna:random": (GREY, "-"),
    "optuna:tpe": (BLACK, "-"),
    "optuna:nsga2": (YELLOW, "-"),
    "asha": (PURPLE, "-"),
    "moasha": (SKY, "--"),
    "moasha:repaired": (SKY, "-"),
    "ours:random": (GREEN, "--"),
    "ours:tpe": (GREEN, "-"),
    "ours:ehvi+sharing": (BLUE, "--"),
    "ours:ehvi": (BLUE, "-"),
    "ours:ehvi+halving": (ORANGE, "-"),
}
"""Strategies to draw, with their colours and dashes."""
SHARES = np.geomspace(0.003, 1, 120)
"""Shares of random search's FLOPs at which hypervolumes are drawn."""


@dataclass(frozen=True)
class Band:
    """Hypervolume of a strategy, while at least half of its replays are still running."""

    name: str
    x: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]


def bands(name: str, lines: list[dict[str, Any]], whole: float, axes: Objectives) -> Band:
    """Return the median and quartiles of some replays.

    Args:
        name: of their strategy.
        lines: the replays.
        whole: FLOPs that random search spends on its trials.
        axes: of the hypervolume.
    """
    replays = [gains(line, axes) for line in lines]
    last = float(np.median([line["total"] for line in lines])) / whole
    shares = SHARES[: max(1, int(np.searchsorted(SHARES, last)))]
    found: NDArray[np.float64] = np.array(
        [[each.at(share * whole) for each in replays] for share in shares]
    )
    low, middle, high = np.quantile(found, (0.25, 0.5, 0.75), axis=1)
    return Band(name, shares.tolist(), middle.tolist(), low.tolist(), high.tolist())


def draw(done: Replays, objectives: Objectives, path: Path) -> None:
    """Draw a panel for each number of workers."""
    goal, workers = yardstick(done, objectives), sorted({key[1] for key in done})
    with drawing(1, len(workers), (5.6 * len(workers), 4.6), path) as (figure, panels):
        for axes, count in zip(panels, workers, strict=True):
            for name, (colour, dash) in SHOWN.items():
                lines = [line for key, line in done.items() if key[:2] == (name, count)]
                if lines:
                    found = bands(name, lines, goal["spent"], objectives)
                    band(axes, found, colour, dash)
            axes.axhline(goal["found"], color=GREY, lw=1, ls=":")
            axes.set(xscale="log", title=f"{count} workers", xlim=(SHARES[0], 1))
            axes.set_xlabel("FLOPs spent, of those of random search's 200 trials")
            axes.grid()
        panels[0].set_ylabel("hypervolume of the finished trials")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=6)


def main() -> None:
    """Read the replays, and draw them."""
    parser = argparse.ArgumentParser(description="hypervolume against FLOPs, with bands")
    parser.add_argument("replays", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--study", default="digits")
    options = parser.parse_args()
    draw(read(options.replays), recorded_study(options.study).objectives, options.picture)


if __name__ == "__main__":
    main()
