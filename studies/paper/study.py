"""A study of the paper: what it trains at a scale, and what follows from how that came out."""

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
"""What came of each arm, in the order of the seeds."""


@dataclass(frozen=True)
class Setting:
    """How a study is made.

    Attributes:
        scale: ``small``, for two cores, or the paper's.
        seeds: over which everything is repeated.
        device: what trains.
    """

    scale: ScaleName
    seeds: tuple[int, ...]
    device: Literal["cpu", "cuda"] = "cpu"


@dataclass(frozen=True)
class Design:
    """Arms over seeds.

    Attributes:
        arms: by name, each with some seed.
        seeds: that each of them is trained with.
    """

    arms: Mapping[str, Cell]
    seeds: tuple[int, ...]

    def cell(self, arm: str, seed: int) -> Cell:
        """An arm's training with a seed."""
        cell = self.arms[arm]
        return replace(cell, config=replace(cell.config, seed=seed))

    def cells(self) -> list[Cell]:
        """Every training, seed by seed, so that what is known early is even."""
        return [self.cell(arm, seed) for seed in self.seeds for arm in self.arms]

    def outcomes(self, run: Run) -> Arms:
        """What comes of every arm."""
        made = run(self.cells())
        return {arm: [made[self.cell(arm, seed)] for seed in self.seeds] for arm in self.arms}


@dataclass(frozen=True)
class Study:
    """A figure or table of the paper as a study.

    Attributes:
        name: by which it is asked for.
        title: what it is, in a line.
        seeds: how many a scale has, fixed before anything was looked at.
        cells: what it trains first; a study may ask for more when it knows what came of these.
        conduct: trains by what it is handed, and reports.
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
        """The study at a scale, with its own number of seeds or another."""
        return Setting(scale, tuple(range(seeds or self.seeds[scale])), device)


def designed(
    name: str,
    title: str,
    seeds: Mapping[ScaleName, int],
    design: Callable[[Setting], Design],
    report: Callable[[Setting, Arms], Report],
    draw: Callable[[Report, Path], None],
) -> Study:
    """A study whose trainings are all known beforehand."""

    def conduct(setting: Setting, run: Run) -> Report:
        return report(setting, design(setting).outcomes(run))

    return Study(name, title, seeds, lambda setting: design(setting).cells(), conduct, draw)


def gain(arms: Arms, ours: str, theirs: str) -> Interval:
    """How much more accurate on the test set an arm is than another, paired over seeds."""
    return paired(accuracies(arms[ours]), accuracies(arms[theirs]))


def billed(outcomes: Sequence[Outcome], dense: int) -> list[Outcome]:
    """Outcomes whose relative FLOPs are those of one and the same dense training."""
    return [
        replace(each, relative_flops=each.relative_flops * each.dense_flops / dense)
        for each in outcomes
    ]
