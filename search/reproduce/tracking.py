"""A study of the paper in MLflow: a parent run, and a child run for each training.

The study's own file of outcomes is the source of truth. Values that MLflow misses, in an outage or
because the driver was killed, are sent later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from search.store.urls import is_server
from search.tracking.client import UNUSABLE, Run, open_store
from search.tracking.client import unusable as cannot_be_used
from search.tracking.reconcile import experiment_of, is_deleted, sync_existing
from search.tracking.retry_queue import REAL, Clock
from search.tracking.run_sync import (
    CLOSED,
    NOTE,
    PARENT,
    SOURCE,
    Fixed,
    RunSync,
)
from search.tracking.runs import children, find_runs
from search.tracking.sender import Lane, Notices
from search.tracking.tags import ENDINGS, TOOL, Ending
from studies.outcomes import Cell, Outcome
from swast.config import flatten
from swast.result import EpochRecord

FLUSH_SECONDS = 2.0
"""Time for which the values of a training are collected before they are sent."""


class StudyRuns:
    """Runs of one study in MLflow.

    Args:
        uri: MLflow's tracking URI.
        artifacts: folder of the artifacts, for a local store.
        say: prints a line to the user.
        clock: the time.

    Raises:
        RequestError: the store cannot be used.
    """

    def __init__(
        self, uri: str, artifacts: Path, say: Callable[[str], None], clock: Clock = REAL
    ) -> None:
        self._uri, self._artifacts = uri, None if is_server(uri) else artifacts
        self._client = open_store(uri)
        self._queue = Lane(Notices(uri, say), clock, str)
        self._runs: dict[str, RunSync] = {}
        self._found: dict[str, Run] = {}

    def begin(self, study: str, uid: str, facts: Mapping[str, str]) -> None:
        """Find or create the run of the study, and find the runs of its trainings.

        Args:
            study: its name.
            uid: unique for this reproduction; the same when it is resumed.
            facts: settings of the reproduction, logged as parameters.

        Raises:
            RequestError: MLflow does not answer, or refuses.
        """
        try:
            name = f"reproduce {study}"
            self._place = experiment_of(self._client, name, self._artifacts, None)
            fixed = Fixed(experiment_id=self._place, name=study, params=facts)
            tags = {SOURCE: TOOL, "study": study, "reproduction": uid, "state": "running"}
            self._parent = RunSync(self._client, fixed, tags)
            there = find_runs(self._client, self._place, f"tags.reproduction = '{uid}'")
            living = [run for run in there if not is_deleted(run) and PARENT not in run.data.tags]
            if living:
                self._parent.adopt(living[0])
            self._parent.sync()
            self._id = str(self._parent.run_id)
            for run in children(self._client, self._place, self._id, further=False):
                self._found.setdefault(run.data.tags.get("trial", ""), run)
        except UNUSABLE as error:
            raise cannot_be_used(self._uri, error) from None

    def has(self, cell: Cell) -> bool:
        """Return whether the run of a training is closed, or was deleted by a user."""
        run = self._found.get(cell.key)
        return run is not None and (run.info.status in CLOSED or is_deleted(run))

    def start(self, cell: Cell) -> None:
        """Create the run of a training, or reuse the existing one."""
        self._run_of(cell).status = "RUNNING"
        self._put(cell, FLUSH_SECONDS)

    def log_epochs(self, cell: Cell, epochs: Iterable[EpochRecord]) -> None:
        """Log epochs of a training; skip those that MLflow has."""
        self._run_of(cell).add_epochs(epochs)
        self._put(cell, FLUSH_SECONDS)

    def end(self, cell: Cell, outcome: Outcome) -> None:
        """Log the outcome of a training, and close its run."""
        run = self._run_of(cell)
        run.add_epochs(outcome.history)
        values = {
            "test_accuracy": outcome.test_accuracy,
            "relative_flops": outcome.relative_flops,
            "seconds": outcome.seconds,
            "noisy_share": outcome.noisy_share,
        }
        known = {name: value for name, value in values.items() if value is not None}
        run.correct(known, len(outcome.history))
        run.tags["state"] = "diverged" if outcome.diverged else "complete"
        run.status = "FINISHED"
        self._put(cell)

    def fail(self, cell: Cell, reason: str) -> None:
        """Close the run of a training that failed."""
        run = self._run_of(cell)
        run.tags |= {"state": "failed", "reason": reason}
        run.status = "FAILED"
        self._put(cell)

    def turn(self) -> None:
        """Send the calls that are due."""
        self._queue.drain()

    def finish(self, status: Ending, files: Iterable[Path] = (), note: str = "") -> bool:
        """Upload files as artifacts of the study, close its run, and send all queued calls.

        Returns:
            Whether MLflow has everything; if not, a repeated reproduction sends the rest.
        """
        for path in files:
            self._queue.put(path, partial(self._parent.upload, path, "result"))
        self._parent.tags["state"] = status
        if note:
            self._parent.tags[NOTE] = note
        self._parent.status = ENDINGS[status]
        self._queue.put("study", partial(sync_existing, self._parent))
        return self._queue.finish(patience=60.0)

    def _run_of(self, cell: Cell) -> RunSync:
        """Return the run of a training; it is created when it is first sent."""
        if cell.key not in self._runs:
            config = cell.config
            sizes = {
                f"subset.{name}": size
                for name, size in dataclasses.asdict(cell.subset).items()
                if size is not None
            }
            fixed = Fixed(
                experiment_id=self._place,
                name=f"{config.model} seed {config.seed} {cell.key[:8]}",
                params=flatten(config.to_dict()) | sizes,
                texts={"config.toml": config.to_toml()},
                data=config.data,
            )
            tags = {PARENT: self._id, SOURCE: TOOL, "trial": cell.key, "state": "running"}
            self._runs[cell.key] = RunSync(self._client, fixed, tags)
            if cell.key in self._found:
                self._runs[cell.key].adopt(self._found[cell.key])
        return self._runs[cell.key]

    def _put(self, cell: Cell, delay: float = 0.0) -> None:
        """Queue the run of a training."""
        self._queue.put(cell.key, partial(sync_existing, self._runs[cell.key]), delay)
