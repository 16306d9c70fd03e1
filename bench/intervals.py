"""Coverage of 95 % intervals for a mean over a few seeds.

    python -m bench.intervals [--samples 2000] [--json docs/bench/intervals.json]

Each row draws that many samples of n values from a distribution whose mean is known, and counts
how often an interval contains it. ``recorded`` are the differences of the reports in
``docs/results``: the values of each difference over its seeds are a distribution, from which the
samples are drawn with replacement; its row is the mean over the differences, each with a tenth of
the samples. The methods are the percentile bootstrap and BCa (1,999 resamples, by SciPy) and
Student's t (`studies.statistics.mean_interval`).
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench import sheet
from studies.statistics import mean_interval

Array = NDArray[np.float64]
RESULTS = Path(__file__).parent.parent / "docs" / "results"
SEEDS = (5, 10, 20)
RESAMPLES = 1999
FEWEST = 10
"""Values that a recorded difference needs to stand for a distribution."""
STEP = 100 / 360
"""One image of the test set of digits, in points."""
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]


def collapsing(
    random: np.random.Generator, shape: tuple[int, int], share: float, depth: float
) -> Array:
    """Draw differences in points of which a share falls by up to twice a depth."""
    usual = random.normal(0.5, 1, shape)
    return usual - (random.random(shape) < share) * random.uniform(0, 2 * depth, shape)


DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda random, shape: random.normal(size=shape), 0.0),
    "normal, in steps of an image": (
        lambda random, shape: STEP * np.round(random.normal(0, 0.5, shape) / STEP),
        0.0,
    ),
    "exponential": (lambda random, shape: random.exponential(size=shape), 1.0),
    "a third collapses": (partial(collapsing, share=1 / 3, depth=10), 0.5 - 10 / 3),
    "a tenth collapses": (partial(collapsing, share=0.1, depth=10), 0.5 - 1),
}
"""Distributions with their means."""


def recorded(folder: Path) -> list[Array]:
    """Return the values over seeds of all recorded differences that are not all equal."""
    found = []
    for path in sorted(folder.glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        effects = [each["interval"] for each in report["effects"]]
        for interval in [*effects, *(each["effect"] for each in report["claims"])]:
            values = np.array(interval.get("values", ()), dtype=np.float64)
            if len(values) >= FEWEST and np.ptp(values) > 0:
                found.append(values)
    return found


def resampled(method: Literal["percentile", "BCa"], samples: Array) -> tuple[Array, Array]:
    """Return the ends of bootstrap intervals, a row of samples each."""
    with warnings.catch_warnings():  # BCa of equal values is not defined
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            (samples,), np.mean, axis=1, n_resamples=RESAMPLES, method=method, rng=0, batch=200
        ).confidence_interval
    equal = np.isnan(found.low)
    return np.where(equal, samples[:, 0], found.low), np.where(equal, samples[:, 0], found.high)


def student(samples: Array) -> tuple[Array, Array]:
    """Return the ends of Student's intervals."""
    made = [mean_interval(each) for each in samples]
    return np.array([each.low for each in made]), np.array([each.high for each in made])


METHODS: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "percentile bootstrap": partial(resampled, "percentile"),
    "BCa": partial(resampled, "BCa"),
    "Student's t": student,
}


def covered(samples: Array, mean: float) -> dict[str, float]:
    """Return the share of samples whose interval contains the mean, by method."""
    slack = 1e-12 + 1e-9 * abs(mean)
    found = {}
    for name, method in METHODS.items():
        low, high = method(samples)
        found[name] = float(np.mean((low <= mean + slack) & (mean - slack <= high)))
    return found


def measure(count: int) -> Iterator[dict[str, Any]]:
    """Yield the coverage of each distribution and number of seeds."""
    random = np.random.default_rng(0)
    for name, (draw, mean) in DISTRIBUTIONS.items():
        for seeds in SEEDS:
            yield {"values": name, "n": seeds, **covered(draw(random, (count, seeds)), mean)}
    pools = recorded(RESULTS)
    for seeds in SEEDS:
        rows = [
            covered(random.choice(pool, (count // 10, seeds)), float(pool.mean()))
            for pool in pools
        ]
        means = {name: float(np.mean([row[name] for row in rows])) for name in METHODS}
        yield {"values": f"recorded: {len(pools)} differences", "n": seeds, **means}


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    print(f"| values | n | {' | '.join(METHODS)} |\n|---|--:|{'--:|' * len(METHODS)}")
    for row in found["rows"]:
        cells = (f"{100 * row[name]:.1f}" for name in METHODS)
        print(f"| {row['values']} | {row['n']} | {' | '.join(cells)} |")


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="measure the coverage of intervals")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = sheet.facts()
    found = {"samples": options.samples, "rows": list(measure(options.samples))}
    show(found)
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
