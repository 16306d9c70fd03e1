"""Comparison of SWaST with the coreset alone, for the tables of trim and cut.

Every row (data, network, coreset share) has the coreset without pruning, with and without the KL
term, and SWaST at every sparsity. All of them share the row's settings and seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studies.figures import drawing, forest
from studies.outcomes import Cell, Outcome
from studies.paper.report import Effect, Grid, Report
from studies.paper.settings import DENSE, PLAIN, SCOPES, Values, base, told
from studies.paper.study import Arms, Design, Setting
from studies.statistics import Interval, mean_interval, spread
from studies.summaries import ArmSummary, accuracies
from studies.tables import MISSING

KL = "KL alone"


@dataclass(frozen=True)
class Row:
    """Row of a table.

    Attributes:
        name: its data and coreset share.
        data: the data set.
        fraction: the coreset's share.
        beside: the paper's row to compare it with.
        alone: the paper's accuracy of the coreset alone, in per cent; None if it has no such row.
        reported: the paper's accuracies by sparsity, in per cent.
        values: further changes to the configuration.
    """

    name: str
    data: str
    fraction: float
    beside: str
    alone: float | None
    reported: Mapping[float, float]
    values: Values = field(default_factory=dict)

    def cell(self, setting: Setting, values: Values) -> Cell:
        """Return a training of the row."""
        common = {"coreset.fraction": self.fraction, **self.values}
        return base(setting, self.data, {**common, **values})

    def gain(self, sparsity: float) -> float | None:
        """Return the paper's gain over the coreset alone, as a share."""
        if self.alone is None or sparsity not in self.reported:
            return None
        return round(self.reported[sparsity] - self.alone, 2) / 100


@dataclass(frozen=True)
class Tailoring:
    """Table of rows and sparsities for one variant, ``trim`` or ``cut``."""

    variant: str
    rows: Sequence[Row]
    sparsities: Sequence[float]

    def alone(self, row: Row, *, kl: bool = False) -> str:
        """Return the name of a row's arm without pruning."""
        return f"{row.name}: coreset only" + (", KL" if kl else "")

    def pruned(self, row: Row, sparsity: float) -> str:
        """Return the name of a row's arm of SWaST."""
        return f"{row.name}: {self.variant}, p = {sparsity:.0%}"

    def design(self, setting: Setting) -> Design:
        """Return all arms over the seeds."""
        arms = {}
        for row in self.rows:
            arms[self.alone(row)] = row.cell(setting, {**DENSE, **PLAIN})
            arms[self.alone(row, kl=True)] = row.cell(setting, DENSE)
            for sparsity in self.sparsities:
                scope = {"prune.scope": SCOPES[self.variant], "prune.sparsity": sparsity}
                arms[self.pruned(row, sparsity)] = row.cell(setting, scope)
        return Design(arms, setting.seeds)

    def gains(self, arms: Arms, row: Row, sparsity: float, *, kl: bool = False) -> Gains:
        """Return SWaST less the coreset alone, or less that with the KL term, a value a seed."""
        ours = accuracies(arms[self.pruned(row, sparsity)])
        return np.subtract(ours, accuracies(arms[self.alone(row, kl=kl)]))

    def pooled(self, arms: Arms, sparsity: float, *, kl: bool = False) -> Gains:
        """Return the gains, the rows averaged seed by seed."""
        every = [self.gains(arms, row, sparsity, kl=kl) for row in self.rows]
        return np.asarray(np.mean(every, axis=0), dtype=np.float64)

    def effects(self, arms: Arms) -> list[Effect]:
        """Return the gains of SWaST, and of the KL term, over the coreset alone."""
        found = []
        for row in self.rows:
            for sparsity in self.sparsities:
                gain = mean_interval(self.gains(arms, row, sparsity))
                name = f"p = {sparsity:.0%}"
                found.append(Effect(row.name, name, gain, row.gain(sparsity)))
            with_kl, without = (accuracies(arms[self.alone(row, kl=kl)]) for kl in (True, False))
            found.append(Effect(row.name, KL, mean_interval(np.subtract(with_kl, without))))
        return found

    def grid(self, arms: Arms) -> Grid:
        """Return the paper's table with our numbers: mean ± standard deviation, in per cent."""
        head = ["data", *(f"p = {each:.0%}" for each in self.sparsities), "coreset only", "KL"]
        rows: list[list[str]] = []
        for row in self.rows:
            columns = [self.pruned(row, each) for each in self.sparsities]
            columns += [self.alone(row), self.alone(row, kl=True)]
            rows.append([row.name, *(_mean(arms[name]) for name in columns)])
            theirs = [row.reported.get(each) for each in self.sparsities] + [row.alone, None]
            shown = [MISSING if each is None else f"{each:.2f}" for each in theirs]
            rows.append([f"the paper: {row.beside}", *shown])
        return Grid("Test accuracy, %, beside the paper's", head, rows)

    def report(self, study: Report, arms: Arms, setting: Setting) -> Report:
        """Fill in every part of a report that does not depend on the table's claims."""
        cells = self.design(setting).arms
        return replace(
            study,
            scale=setting.scale,
            seeds=setting.seeds,
            settings=told(cells[self.pruned(self.rows[0], self.sparsities[0])]),
            arms={name: ArmSummary.of(found) for name, found in arms.items()},
            effects=self.effects(arms),
            grids=[self.grid(arms)],
        )


Gains = NDArray[np.float64]


def _mean(outcomes: Sequence[Outcome]) -> str:
    found = accuracies(outcomes)
    return f"{100 * float(np.mean(found)):.2f} ± {100 * spread(found):.2f}"


def span(effects: Sequence[Interval]) -> str:
    """Format the range of gains, from the lowest to the highest, in points."""
    means = [100 * each.mean for each in effects]
    return f"{min(means):+.2f} to {max(means):+.2f}".replace("-", "−")


def draw(report: Report, path: Path) -> None:
    """Draw the gains over the coreset alone, a row each, with the paper's."""
    groups = list(dict.fromkeys(effect.group for effect in report.effects))
    size = (11, 1.6 + 0.32 * len(report.effects))
    with drawing(1, 1, size, path) as (figure, (axes,)):
        forest(
            axes,
            [f"{effect.group}   {effect.name}" for effect in report.effects],
            [effect.interval for effect in report.effects],
            [effect.paper for effect in report.effects],
        )
        place = 0
        for group in groups[:-1]:
            place += sum(effect.group == group for effect in report.effects)
            axes.axhline(place - 0.5, color="#9a9a9a", lw=0.7)
        axes.set_xlabel(
            "test accuracy gained over the coreset alone, points: mean over seeds, 95 % interval"
        )
        if any(effect.paper is not None for effect in report.effects):
            figure.legend(loc="outside lower right")
