"""Worlds of noisy readings: each configuration may be trained again, with another seed.

    python -m bench.readings [--study digits]

This prints the noise of the digits world beside that of the recorded trainings.

The scores that a configuration's trainings can have are a finite list, its outcomes, all equally
likely. A reading draws one of them. So the true mean of a configuration, the score that it shows
when it is trained again and again, is known exactly: the mean of its outcomes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bench.curves import Surrogate, Table, logits, unseen
from bench.outside import GRID, Outside
from bench.record import recorded_study
from search.objectives import STANDARD, Objectives
from search.samplers.problem import Prices, Problem, Values
from search.study.search_space import SearchSpace
from search.study.space import Domain, Range
from swast import TrainConfig
from swast.data import load_data
from swast.forecast import dense_flops
from swast.training import foresee

Array = NDArray[np.float64]
DONORS = 40
"""Recorded configurations like another one whose noise it gets."""
BINS = (0.0, 0.6, 0.9, 0.94, 0.96, 0.97, 0.98, 1.0)
"""Accuracies between which the noise of the digits world is checked."""


@dataclass(frozen=True)
class Cell:
    """A configuration of a world.

    Attributes:
        cost: relative cost of its whole training.
        outcomes: scores that its trainings can have, equally likely, in [0, 1].
    """

    cost: float
    outcomes: Array

    @property
    def truth(self) -> float:
        """The mean of all its trainings."""
        return float(self.outcomes.mean())


class World(Protocol):
    """Configurations with noisy scores and known costs."""

    @property
    def problem(self) -> Problem:
        """What samplers see."""

    def cell(self, values: Values, seed: int) -> Cell:
        """Return a configuration of the world that a seed draws."""

    def charge(self, values: Values, warm: int) -> tuple[float, int]:
        """Return the relative cost of one more training, and the shared epochs after it.

        Args:
            values: of the configuration.
            warm: epochs of the shared warm-up that trainings of the same seed have made.
        """


def key(values: Values) -> str:
    """Return a text that names a configuration."""
    return repr(sorted(values.items()))


def read(cell: Cell, values: Values, reading: int, seed: int) -> float:
    """Return a reading of a configuration; the same one under every strategy."""
    draw = np.random.default_rng([seed, reading, *key(values).encode()])
    return float(draw.choice(cell.outcomes))


class Grid:
    """World of a table that others recorded (see `bench.outside`).

    A configuration's outcomes are the scores of its five recorded seeds, so the same recorded
    training may be read twice. That keeps readings independent, and their mean exact: with
    readings that do not return, the mean over all five would hold the very readings that were
    selected for being lucky. Two things differ from the network behind the table: the variance of
    readings is 4/5 of its, and the true means are rougher, since each holds the luck of five
    seeds. Samplers see the place of a value in the grid, whose values are evenly spaced in the
    logarithm. The cost is the mean training time over that of the median configuration, and
    costlier ones are refused: the longest take a thousand times as long. A score up to the median
    one counts as none, and the least cost as all saved.
    """

    def __init__(self, table: Outside) -> None:
        unit = float(np.median(table.seconds))
        self._costs = table.seconds / unit
        self._scores = table.scores
        self._sides = tuple(len(each) for each in GRID.values())
        space = SearchSpace(
            tuple(Domain(name, Range(0, len(each) - 1, True)) for name, each in GRID.items())
        )
        middle = float(np.median(table.scores.mean(axis=1)))
        axes = Objectives(
            score=replace(STANDARD.score, reference=middle),
            cost=replace(STANDARD.cost, best=float(self._costs.min())),
        )
        self.problem = Problem(space, axes, 1.0, Prices(self._price, limit=1.0))

    def cell(self, values: Values, seed: int) -> Cell:  # noqa: ARG002
        """Return a configuration; it is the same for every seed."""
        place = self._place(values)
        return Cell(float(self._costs[place]), self._scores[place])

    def charge(self, values: Values, warm: int) -> tuple[float, int]:
        """Return the cost of a training; nothing is shared."""
        return self._price(values), warm

    def _price(self, values: Values) -> float:
        return float(self._costs[self._place(values)])

    def _place(self, values: Values) -> int:
        """Return the row of a configuration; the last setting varies fastest."""
        return int(np.ravel_multi_index([values[name] for name in GRID], self._sides))


@dataclass(frozen=True)
class Noise:
    """Noise of trainings like those that were recorded, in logits of the accuracy.

    A recorded accuracy differs from the surrogate's prediction, made without it, by a part that
    both of its seeds share and by noise. The shared part is how far the surrogate is off. Half of
    the squared difference of two seeds estimates the noise's variance, and the mean product of
    both differences that of the shared part. Both depend on accuracy and cost, so a configuration
    gets those of the `DONORS` recorded ones nearest to it in both.

    Attributes:
        places: predicted logit and log10 of the relative cost, standardised, n × 2.
        scale: by which these were divided, 2.
        noise: difference of two seeds over √2, n.
        shared: mean difference of two seeds from the prediction, n.
        product: of both differences, n.
    """

    places: Array
    scale: Array
    noise: Array
    shared: Array
    product: Array

    @classmethod
    def of(cls, table: Table, predicted: Array) -> Noise:
        """Learn the noise of a table with two seeds from predictions, n logits."""
        recorded = logits(table.hits[:, :2, -1], table.sizes[0])
        missed = recorded - predicted[:, None]
        places = np.stack([predicted, np.log10(table.relative_flops)], axis=1)
        scale = places.std(axis=0)
        noise = (recorded[:, 0] - recorded[:, 1]) / np.sqrt(2)
        return cls(places / scale, scale, noise, missed.mean(axis=1), missed.prod(axis=1))

    def outcomes(self, predicted: float, cost: float, draw: np.random.Generator) -> Array:
        """Return logits of equally likely trainings of a configuration, 2 × `DONORS`.

        Args:
            predicted: the surrogate's logit.
            cost: relative.
            draw: draws how far the surrogate is off.
        """
        away = self.places - np.array([predicted, np.log10(cost)]) / self.scale
        near = np.argsort((away**2).sum(axis=1), kind="stable")[:DONORS]
        shared = self.shared[near]
        share = max(0.0, self.product[near].mean()) / max((shared**2).mean(), 1e-12)
        centre = predicted + np.sqrt(share) * float(draw.choice(shared))
        return np.asarray(centre + np.concatenate([self.noise[near], -self.noise[near]]))


class Recorded:
    """World of a study's recorded trainings: the surrogate's last accuracy and the noise about it.

    Costs are exact. Trainings of one seed share their warm-up, as in a search: each pays for the
    epochs of it that no other has made.

    Args:
        table: the recording.
    """

    def __init__(self, table: Table) -> None:
        self._study, self._samples = recorded_study(table.study), table.sizes[0]
        self._surrogate = Surrogate(table)
        self.predicted = logits(table.hits[:, 0, -1], self._samples)
        self.predicted -= unseen(table, self._surrogate.kernel)[:, -1]
        self.noise = Noise.of(table, self.predicted)
        self._data = load_data(self._study.fixed.data, self._study.fixed.loading)
        self._unit = dense_flops(self._study.dense, self._data)
        self._foreseen = lru_cache(maxsize=None)(self._foresee)
        prices, axes = Prices(self._price), self._study.objectives
        self.problem = Problem(self._study.space, axes, 1.0, prices, self._samples)

    def cell(self, values: Values, seed: int) -> Cell:
        """Return a configuration of the world that a seed draws."""
        config = self._study.configure(values)
        cost = float(self._foreseen(config).sum())
        draw = np.random.default_rng([seed, *key(values).encode()])
        predicted = float(self._surrogate.curve(config)[-1])
        return Cell(cost, self.scores(self.noise.outcomes(predicted, cost, draw)))

    def scores(self, found: Array) -> Array:
        """Convert logits to accuracies that the validation set can show."""
        return np.asarray(np.round(self._samples * expit(found)) / self._samples)

    def charge(self, values: Values, warm: int) -> tuple[float, int]:
        """Return the cost of the epochs that are not shared, and the shared epochs after it."""
        config = self._study.configure(values)
        made = min(warm, config.warmup_epochs)
        return float(self._foreseen(config)[made:].sum()), max(warm, config.warmup_epochs)

    def _price(self, values: Mapping[str, Any]) -> float:
        return float(self._foreseen(self._study.configure(values)).sum())

    def _foresee(self, config: TrainConfig) -> Array:
        """Return the relative cost of each epoch."""
        bill = np.array([mark.ledger.total for mark in foresee(config, self._data).marks])
        return np.diff(bill, prepend=0.0) / self._unit


def check(table: Table, world: Recorded, seed: int = 0) -> list[dict[str, float]]:
    """Return the noise of recorded trainings and of simulated ones, by mean accuracy.

    Differences of two seeds in points, as root mean square and median.
    """
    draw = np.random.default_rng(seed)
    simulated = np.array(
        [
            draw.choice(world.scores(world.noise.outcomes(predicted, cost, draw)), 2)
            for predicted, cost in zip(world.predicted, table.relative_flops, strict=True)
        ]
    )
    rows = []
    for low, high in pairwise(BINS):
        row: dict[str, float] = {"low": low, "high": high}
        for name, pairs in (("recorded", table.accuracy[:, :2, -1]), ("simulated", simulated)):
            means = pairs.mean(axis=1)
            found = 100 * np.diff(pairs[(means >= low) & (means < high)], axis=1)
            row[f"{name}_count"] = len(found)
            row[f"{name}_rms"] = float(np.sqrt(np.mean(found**2))) if len(found) else 0.0
            row[f"{name}_median"] = float(np.median(np.abs(found))) if len(found) else 0.0
        rows.append(row)
    return rows


def main() -> None:
    """Print the noise of recorded and simulated trainings."""
    parser = argparse.ArgumentParser(description="noise of recorded and simulated trainings")
    parser.add_argument("--study", default="digits")
    options = parser.parse_args()
    table = Table.load(options.study)
    print(
        "| mean accuracy of two seeds | recorded: pairs, rms, median | simulated |\n|---|---|---|"
    )
    for row in check(table, Recorded(table)):
        cells = [
            f"{row[f'{name}_count']:.0f}, {row[f'{name}_rms']:.2f}, {row[f'{name}_median']:.2f}"
            for name in ("recorded", "simulated")
        ]
        print(f"| {row['low']:.2f} to {row['high']:.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
