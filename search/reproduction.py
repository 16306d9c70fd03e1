"""A study of the paper as it was asked for, and who trains what it wants trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from search.cells import CellWork, Progress
from search.datasets import DataSets, groups
from search.errors import SearchFailedError
from search.home import Home
from search.resources import Resources
from studies.arms import Results
from studies.outcomes import Cell, Outcome
from studies.paper.study import ScaleName, Study
from swast.data import Places

if TYPE_CHECKING:
    from search.tracking.reproduction import StudyRuns

RUNS, CHECKPOINTS = "runs.jsonl", "checkpoints"
"""In the folder of a study: its outcomes, and how far those are that run."""
GOES_ON = "the same command goes on where it was"


@dataclass(frozen=True)
class Asked:
    """A study to conduct, and where.

    Attributes:
        study: which one.
        scale: ``small`` or ``paper``.
        seeds: how many; None for the protocol's.
        out: folder of its outcomes and results.
        home: where MLflow's store and shared warm-ups are.
        places: where data sets are looked for.
        tracking: MLflow's URI.
        address: of a Ray cluster; None starts Ray here.
        resources: what one training uses, and all of them.
        workers: trainings at a time at most; None for as many as fit.
        quiet: print no progress.
    """

    study: Study
    scale: ScaleName
    seeds: int | None
    out: Path
    home: Home
    places: Places
    tracking: str
    address: str | None
    resources: Resources
    workers: int | None
    quiet: bool

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """What trains."""
        return "cuda" if self.resources.gpus else "cpu"

    @property
    def command(self) -> str:
        """The command that asks for the same, wherever it is run."""
        seeds = f" --seeds {self.seeds}" if self.seeds else ""
        return f"swast-search reproduce {self.study.name} --scale {self.scale}{seeds}"


class Trainer:
    """What a study is handed to train by: it knows, or has Ray's workers train.

    Args:
        asked: the study and where to conduct it.
        data: data sets.
        runs: the study in MLflow.
        stack: is left when Ray is of no more use.
    """

    def __init__(self, asked: Asked, data: DataSets, runs: StudyRuns, stack: ExitStack) -> None:
        self._asked, self._data, self._runs, self._stack = asked, data, runs, stack
        self._results = Results(asked.out / RUNS)
        self._progress = Progress(quiet=asked.quiet)
        self._concurrent = 0
        self.paused = False

    def __call__(self, cells: Iterable[Cell]) -> Mapping[Cell, Outcome]:
        """The outcome of every cell.

        Raises:
            SearchFailedError: some gave nothing, or the user interrupted them.
        """
        wanted = list(dict.fromkeys(cells))
        found = {cell: each for cell in wanted if (each := self._results.get(cell)) is not None}
        for cell, outcome in found.items():
            if not self._runs.has(cell):
                self._runs.end(cell, outcome)
        missing = [cell for cell in wanted if cell not in found]
        self._progress.begin(len(missing), len(found))
        failed: dict[Cell, str] = {}
        for group in groups(missing):
            failed |= self._train(group)
        if failed:
            reason = next(iter(failed.values()))
            raise SearchFailedError(
                f"{len(failed)} of {len(wanted)} trainings failed, the first: {reason}; {GOES_ON}"
            )
        trained = {cell: each for cell in missing if (each := self._results.get(cell))}
        return found | trained

    def _train(self, cells: list[Cell]) -> dict[Cell, str]:
        """Train cells that share their data; why some gave nothing, if so."""
        from search.runner import Workers

        asked, data = self._asked, self._data.of(cells[0])
        concurrent = self._start()
        warmups = asked.home.warmups
        warmups.mkdir(parents=True, exist_ok=True)
        work = CellWork(
            cells,
            data,
            results=self._results,
            runs=self._runs,
            folder=asked.out / CHECKPOINTS,
            progress=self._progress,
        )
        Workers(data, asked.resources, concurrent, warmups).run(work)
        self.paused = work.paused
        if work.paused:
            raise SearchFailedError(f"stopped; {GOES_ON}")
        return work.failed

    def _start(self) -> int:
        """Start or join Ray, once; how many trainings run at a time."""
        from search.cluster import ray_running

        asked = self._asked
        if not self._concurrent:
            running = ray_running(asked.address, asked.resources.gpus, ready=not asked.address)
            cpus, gpus = self._stack.enter_context(running)
            fit = asked.resources.concurrency(cpus, gpus)
            self._concurrent = min(fit, asked.workers or fit)
        return self._concurrent
