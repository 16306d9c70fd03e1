"""Request to reproduce a study of the paper, and the trainer that runs its trainings."""

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
"""Names in the folder of a study: outcomes, results of searches, checkpoints."""
RESUMES = "the same command resumes it"


@dataclass(frozen=True)
class ReproductionRequest:
    """Request to reproduce a study of the paper.

    Attributes:
        study: the study.
        scale: ``small`` or ``paper``.
        seeds: number of seeds; None for that of the protocol.
        out: folder of its outcomes and results.
        home: with MLflow's store and shared warm-ups.
        places: folders of data sets.
        tracking: MLflow's URI.
        address: of a Ray cluster; None starts Ray here.
        resources: of one training, and of all together.
        workers: the most trainings at a time; None for as many as fit.
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
        """Device of the trainings."""
        return "cuda" if self.resources.gpus else "cpu"

    @property
    def uid(self) -> str:
        """Identifier of the study in its folder, different from that of any other."""
        place = f"{platform.node()} {self.out}"
        return hashlib.blake2b(place.encode(), digest_size=8).hexdigest()

    @property
    def command(self) -> str:
        """Command that makes the same request on any machine."""
        seeds = f" --seeds {self.seeds}" if self.seeds else ""
        return f"swast-search reproduce {self.study.name} --scale {self.scale}{seeds}"


class Trainer:
    """Trainer of a study's cells: it reads known outcomes, and Ray's workers train the others.

    It implements `studies.outcomes.Run`.

    Args:
        request: the study and its settings.
        data: data sets.
        runs: the study in MLflow.
        stack: Ray is shut down when it is closed.
    """

    def __init__(
        self, request: ReproductionRequest, data: DataSets, runs: StudyRuns, stack: ExitStack
    ) -> None:
        self._request, self._data, self._runs, self._stack = request, data, runs, stack
        self._results = Results(request.out / RUNS)
        self._progress = Progress(quiet=request.quiet)
        self._concurrent = 0
        self.paused = False

    front = staticmethod(front)

    def hypervolume(
        self, space: str, accuracy: Sequence[float], relative_flops: Sequence[float]
    ) -> float:
        """Return the hypervolume of points, between the ends of a study file's axes."""
        return hypervolume(accuracy, relative_flops, find_study(space).objectives)

    def __call__(self, cells: Iterable[Cell]) -> Mapping[Cell, Outcome]:
        """Return the outcome of every cell.

        Raises:
            SearchFailedError: some trainings failed, or the user interrupted them.
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
                f"{len(failed)} of {len(wanted)} trainings failed, the first: {reason}; {RESUMES}"
            )
        trained = {cell: each for cell in missing if (each := self._results.get(cell))}
        return found | trained

    def search(self, wanted: Search) -> Found:
        """Return the result of a search, which runs in the home of the user's own searches.

        Raises:
            SearchFailedError: it was stopped, or no trial finished.
        """
        from search.reproduce.searches import KnownSearches, find

        own = self._request
        stored = KnownSearches(own.out / SEARCHES)
        known = stored.get(wanted)
        if known is not None:
            return known
        key = hashlib.blake2b(f"{own.uid} {wanted}".encode(), digest_size=4).hexdigest()
        request = Request(
            home=own.home.path,
            tracking_uri=own.tracking,
            gpus=own.resources.gpus,
            quiet=True,
        )
        name = f"{own.study.name}-seed-{wanted.seed}-{key}"
        self._progress.say(f"search: swast-search watch {name} shows its progress")
        try:
            found = find(wanted, request, name, self._searchers)
        except SearchFailedError as error:
            self.paused = True
            raise SearchFailedError(f"{error}; {RESUMES}") from None
        stored.add(wanted, found)
        return found

    def _searchers(self, config: TrainConfig) -> Workers:
        """Return workers on a configuration's data that share no warm-ups."""
        return self._workers(self._data.of(Cell(config)), None)

    def _workers(self, data: ArrayData, warmups: Path | None) -> Workers:
        """Return workers on a data set; start Ray for the first of them."""
        from search.engine.tune import Workers

        return Workers(data, self._request.resources, self._start(), warmups)

    def _train(self, cells: list[Cell]) -> dict[Cell, str]:
        """Train cells that share their data; return the reasons of failures, by cell."""
        request, data = self._request, self._data.of(cells[0])
        warmups = request.home.warmups
        warmups.mkdir(parents=True, exist_ok=True)
        work = CellWork(
            cells,
            data,
            results=self._results,
            runs=self._runs,
            folder=request.out / CHECKPOINTS,
            progress=self._progress,
        )
        self._workers(data, warmups).run(work)
        self.paused = work.paused
        if work.paused:
            raise SearchFailedError(f"stopped; {RESUMES}")
        return work.failed

    def _start(self) -> int:
        """Start or join Ray, once; return the number of trainings at a time."""
        from search.engine.cluster import ray_running

        request = self._request
        if not self._concurrent:
            running = ray_running(
                request.address, request.resources.gpus, ready=not request.address
            )
            cpus, gpus = self._stack.enter_context(running)
            fit = request.resources.concurrency(cpus, gpus)
            self._concurrent = min(fit, request.workers or fit)
        return self._concurrent
