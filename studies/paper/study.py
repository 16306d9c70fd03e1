"""Studies of the paper: their settings, their trainings, and the reports made of the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from studies.outcomes import Cell, Outcome, Run
from studies.paper.report import Report
from studies.statistics import Interval, paired
from studies.summaries import accuracies

ScaleName = Literal["small", "paper"]
SCALES: tuple[ScaleName, ...] = ("small", "paper")
Arms = Mapping[str, Sequence[Outcome]]
"""Outcomes of each arm, in the order of the seeds."""


@dataclass(frozen=True)
class Setting:
    """Scale, seeds and device of a study.

    Attributes:
        scale: ``small``, for two cores, or ``paper``, the paper's.
        seeds: over which everything is repeated.
        device: to train on.
    """

    scale: ScaleName
    seeds: tuple[int, ...]
    device: Literal["cpu", "cuda"] = "cpu"


@dataclass(frozen=True)
class Design:
    """Arms over seeds.

    Attributes:
        arms: one training of each arm by name, with any seed.
        seeds: to train each arm with.
    """

    arms: Mapping[str, Cell]
    seeds: tuple[int, ...]

    def cell(self, arm: str, seed: int) -> Cell:
        """Return an arm's training with a seed."""
        cell = self.arms[arm]
        return replace(cell, config=replace(cell.config, seed=seed))

    def cells(self) -> list[Cell]:
        """Return every training, seed by seed, so that early results cover all arms alike."""
        return [self.cell(arm, seed) for seed in self.seeds for arm in self.arms]

    def outcomes(self, run: Run) -> Arms:
        """Train every arm, and return the outcomes."""
        made = run(self.cells())
        return {arm: [made[self.cell(arm, seed)] for seed in self.seeds] for arm in self.arms}


@dataclass(frozen=True)
class Study:
    """Study of one of the paper's figures or tables.

    Attributes:
        name: of the study on the command line.
        title: a description in one line.
        seeds: number of seeds at each scale, fixed before any result was seen.
        cells: the trainings it starts with; it may request more once it has their outcomes.
        conduct: trains through a `Run`, and returns the report.
        draw: draws the figure of a report to a PNG.
    """

    name: str
    title: str
    seeds: Mapping[ScaleName, int]
    cells: Callable[[Setting], Sequence[Cell]]
    conduct: Callable[[Setting, Run], Report]
    draw: Callable[[Report, Path], None]

    def setting(
        self,
        scale: ScaleName,
        seeds: int | None = None,
        device: Literal["cpu", "cuda"] = "cpu",
    ) -> Setting:
        """Return the setting of a scale, with the study's own number of seeds or another."""
        return Setting(scale, tuple(range(seeds or self.seeds[scale])), device)


def designed(
    name: str,
    title: str,
    seeds: Mapping[ScaleName, int],
    design: Callable[[Setting], Design],
    report: Callable[[Setting, Arms], Report],
    draw: Callable[[Report, Path], None],
) -> Study:
    """Return a study whose trainings are all known beforehand."""

    def conduct(setting: Setting, run: Run) -> Report:
        return report(setting, design(setting).outcomes(run))

    return Study(name, title, seeds, lambda setting: design(setting).cells(), conduct, draw)


def gain(arms: Arms, ours: str, theirs: str) -> Interval:
    """Return an arm's gain in test accuracy over another arm, paired over seeds."""
    return paired(accuracies(arms[ours]), accuracies(arms[theirs]))


def billed(outcomes: Sequence[Outcome], dense: int) -> list[Outcome]:
    """Return outcomes with FLOPs relative to one common dense training of ``dense`` FLOPs."""
    return [
        replace(each, relative_flops=each.relative_flops * each.dense_flops / dense)
        for each in outcomes
    ]
