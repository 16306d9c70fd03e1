"""A study of the paper in MLflow: a parent run, and a child run for each of its trainings.

The study's own file of outcomes is the source of truth. What MLflow misses while it is away, or of
a driver that was killed, it is told later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from search.tracking.client import UNUSABLE, Run, is_outage, open_store, outage
from search.tracking.client import unusable as cannot_be_used
from search.tracking.reconcile import bring, experiment_of, is_deleted
from search.tracking.retry_queue import REAL, Backlog, Clock
from search.tracking.run_sync import (
    CLOSED,
    NOTE,
    PARENT,
    SOURCE,
    Fixed,
    Mirror,
    children,
    find_runs,
)
from search.tracking.tags import ENDINGS, TOOL, Ending
from studies.outcomes import Cell, Outcome
from swast.config import flatten
from swast.result import EpochRecord

FLUSH_SECONDS = 2.0
"""What a training says within so many seconds is sent together."""


class StudyRuns:
    """Writes one study to MLflow.

    Args:
        uri: MLflow's tracking URI.
        artifacts: folder for artifacts where the store is local.
        say: tells the user a line.
        clock: the time.

    Raises:
        RequestError: the store cannot be used.
    """

    def __init__(
        self, uri: str, artifacts: Path, say: Callable[[str], None], clock: Clock = REAL
    ) -> None:
        self._uri, self._artifacts = uri, None if uri.startswith("http") else artifacts
        self._say = say
        self._client = open_store(uri)
        self._backlog = Backlog(is_outage, self._tell, clock)
        self._runs: dict[str, Mirror] = {}
        self._found: dict[str, Run] = {}

    def begin(self, study: str, uid: str, facts: Mapping[str, str]) -> None:
        """Find or make the study's run, and see which of its trainings' runs are there.

        Args:
            study: its name.
            uid: what tells this conduct of it from others; the same when it goes on.
            facts: what it was asked for, as parameters.

        Raises:
            RequestError: MLflow does not answer, or not as it should.
        """
        try:
            name = f"reproduce {study}"
            self._place = experiment_of(self._client, name, self._artifacts, None)
            fixed = Fixed(experiment_id=self._place, name=study, params=facts)
            tags = {SOURCE: TOOL, "study": study, "reproduction": uid, "state": "running"}
            self._parent = Mirror(self._client, fixed, tags)
            there = find_runs(self._client, self._place, f"tags.reproduction = '{uid}'")
            living = [run for run in there if not is_deleted(run) and PARENT not in run.data.tags]
            if living:
                self._parent.adopt(living[0])
            self._parent.bring()
            self._id = str(self._parent.run_id)
            for run in children(self._client, self._place, self._id):
                self._found.setdefault(run.data.tags.get("trial", ""), run)
        except UNUSABLE as error:
            raise cannot_be_used(self._uri, error) from None

    def has(self, cell: Cell) -> bool:
        """Whether a training's run is there and closed, or a user deleted it."""
        run = self._found.get(cell.key)
        return run is not None and (run.info.status in CLOSED or is_deleted(run))

    def start(self, cell: Cell) -> None:
        """Make a training's run, or take up the one that there is."""
        self._mirror(cell).status = "RUNNING"
        self._put(cell, FLUSH_SECONDS)

    def log_epochs(self, cell: Cell, epochs: Iterable[EpochRecord]) -> None:
        """Log epochs of a training; those that MLflow has are not sent again."""
        self._mirror(cell).add_epochs(epochs)
        self._put(cell, FLUSH_SECONDS)

    def end(self, cell: Cell, outcome: Outcome) -> None:
        """Close a training's run, with all that it came to."""
        run = self._mirror(cell)
        run.add_epochs(outcome.history)
        values = {
            "test_accuracy": outcome.test_accuracy,
            "relative_flops": outcome.relative_flops,
            "seconds": outcome.seconds,
            "noisy_share": outcome.noisy_share,
        }
        told = {name: value for name, value in values.items() if value is not None}
        run.correct(told, len(outcome.history))
        run.tags["state"] = "diverged" if outcome.diverged else "complete"
        run.status = "FINISHED"
        self._put(cell)

    def fail(self, cell: Cell, reason: str) -> None:
        """Close the run of a training that gave nothing."""
        run = self._mirror(cell)
        run.tags |= {"state": "failed", "reason": reason}
        run.status = "FAILED"
        self._put(cell)

    def turn(self) -> None:
        """Send what waits and is due."""
        self._backlog.drain()

    def finish(self, status: Ending, files: Iterable[Path] = (), note: str = "") -> bool:
        """Put files among the study's artifacts, close its run, and send all that waits.

        Returns:
            Whether MLflow has everything; if not, the same study conducted again makes it good.
        """
        for path in files:
            self._backlog.put(path, partial(self._parent.upload, path, "result"))
        self._parent.tags["state"] = status
        if note:
            self._parent.tags[NOTE] = note
        self._parent.status = ENDINGS[status]
        self._backlog.put("study", partial(bring, self._parent))
        return self._backlog.finish(patience=60.0)

    def _mirror(self, cell: Cell) -> Mirror:
        """The run of a training, as it is known or will be made."""
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
            self._runs[cell.key] = Mirror(self._client, fixed, tags)
            if cell.key in self._found:
                self._runs[cell.key].adopt(self._found[cell.key])
        return self._runs[cell.key]

    def _put(self, cell: Cell, delay: float = 0.0) -> None:
        """Let a training's run wait for its turn."""
        self._backlog.put(cell.key, partial(bring, self._runs[cell.key]), delay)

    def _tell(self, is_away: bool) -> None:
        self._say(outage(self._uri, is_away))
