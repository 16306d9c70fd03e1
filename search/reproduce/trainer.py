"""A study of the paper as it was asked for, and who trains and searches what it wants."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from search.driver.request import Request
from search.engine.resources import Resources
from search.errors import SearchFailedError
from search.pareto import front, hypervolume
from search.reproduce.cells import CellWork, Progress
from search.reproduce.datasets import DataSets, groups
from search.store.home import Home
from search.study.study_file import find_study
from studies.outcomes import Cell, Found, Outcome, Search
from studies.paper.study import ScaleName, Study
from studies.results import Results
from swast.config import TrainConfig
from swast.data import ArrayData, Places

if TYPE_CHECKING:
    from search.engine.tune import Workers
    from search.reproduce.tracking import StudyRuns

RUNS, SEARCHES, CHECKPOINTS = "runs.jsonl", "searches.jsonl", "checkpoints"
"""In the folder of a study: its outcomes, its searches, and how far those are that run."""
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
    def uid(self) -> str:
        """What tells this study in its folder from every other."""
        place = f"{platform.node()} {self.out}"
        return hashlib.blake2b(place.encode(), digest_size=8).hexdigest()

    @property
    def command(self) -> str:
        """The command that asks for the same, wherever it is run."""
        seeds = f" --seeds {self.seeds}" if self.seeds else ""
        return f"swast-search reproduce {self.study.name} --scale {self.scale}{seeds}"


class Trainer:
    """What a study is handed (`studies.outcomes.Run`): it knows, or has Ray's workers train.

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

    front = staticmethod(front)

    def hypervolume(
        self, space: str, accuracy: Sequence[float], relative_flops: Sequence[float]
    ) -> float:
        """That of some points, between the ends that a study file says."""
        return hypervolume(accuracy, relative_flops, find_study(space).objectives)

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

    def search(self, wanted: Search) -> Found:
        """What a search finds; it lies in the home beside the user's own.

        Raises:
            SearchFailedError: it was stopped, or gave nothing.
        """
        from search.reproduce.searches import KeptSearches, find

        asked, kept = self._asked, KeptSearches(self._asked.out / SEARCHES)
        known = kept.get(wanted)
        if known is not None:
            return known
        key = hashlib.blake2b(f"{asked.uid} {wanted}".encode(), digest_size=4).hexdigest()
        request = Request(
            home=asked.home.path,
            tracking_uri=asked.tracking,
            gpus=asked.resources.gpus,
            quiet=True,
        )
        name = f"{asked.study.name}-seed-{wanted.seed}-{key}"
        self._progress.say(f"search: swast-search watch {name} shows how far it is")
        try:
            found = find(wanted, request, name, self._searchers)
        except SearchFailedError as error:
            self.paused = True
            raise SearchFailedError(f"{error}; {GOES_ON}") from None
        kept.add(wanted, found)
        return found

    def _searchers(self, config: TrainConfig) -> Workers:
        """Workers on a configuration's data that share no warm-ups."""
        return self._workers(self._data.of(Cell(config)), None)

    def _workers(self, data: ArrayData, warmups: Path | None) -> Workers:
        """Workers on a data set; Ray is started for the first of them."""
        from search.engine.tune import Workers

        return Workers(data, self._asked.resources, self._start(), warmups)

    def _train(self, cells: list[Cell]) -> dict[Cell, str]:
        """Train cells that share their data; why some gave nothing, if so."""
        asked, data = self._asked, self._data.of(cells[0])
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
        self._workers(data, warmups).run(work)
        self.paused = work.paused
        if work.paused:
            raise SearchFailedError(f"stopped; {GOES_ON}")
        return work.failed

    def _start(self) -> int:
        """Start or join Ray, once; how many trainings run at a time."""
        from search.engine.cluster import ray_running

        asked = self._asked
        if not self._concurrent:
            running = ray_running(asked.address, asked.resources.gpus, ready=not asked.address)
            cpus, gpus = self._stack.enter_context(running)
            fit = asked.resources.concurrency(cpus, gpus)
            self._concurrent = min(fit, asked.workers or fit)
        return self._concurrent
