"""Tracker of a search in MLflow: a parent run for the search, and a child run for each trial.

MLflow is a view of the search's storage. During an outage data are queued; data that a crashed
driver did not send, the next driver sends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from search.errors import say
from search.store.epoch_log import EpochLog
from search.tracking.client import (
    UNUSABLE,
    MlflowException,
    Run,
    is_outage,
    is_refusal,
    open_store,
    outage,
    unusable,
)
from search.tracking.description import FILES, describe, write_front
from search.tracking.reconcile import match_runs, parent_of, sync_existing
from search.tracking.retry_queue import REAL, Clock, RetryQueue
from search.tracking.run_sync import NOTE, RunSync, children
from search.tracking.saved_view import save_view
from search.tracking.tags import (
    ENDINGS,
    STATUSES,
    Ending,
    final_values,
    rank_tags,
    search_values,
    trial_run,
    trial_tags,
)
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState
from search.trials.trial_record import ENDED, TrialRecord, ranks_of
from swast.result import EpochRecord

FLUSH_SECONDS = 2.0
"""Seconds whose epochs are sent together."""
PUBLISH_SECONDS = 5.0
DRAWING_SHARE = 0.05
"""Least seconds between two drawings of the front, and largest share of the time for drawing."""
RANK_SECONDS = 60.0
"""Delay of a changed rank in MLflow, for a trial that was and is not on the front."""


class Tracker:
    """Writer of one search to MLflow.

    After `begin` has returned, the caller need not handle outages of MLflow. Calls queue data of
    trials; `turn` sends them, and keeps data that cannot be sent.

    Args:
        uri: MLflow's tracking URI, ``sqlite:///…`` or ``http://…``.
        artifacts: folder for artifacts of a local store.
        folder: folder of the search, for its plots and table.
        epoch_log: the epochs of its trials.
        clock: the clock.

    Raises:
        RequestError: the store cannot be used.
    """

    def __init__(
        self, uri: str, artifacts: Path, folder: Path, epoch_log: EpochLog, clock: Clock = REAL
    ) -> None:
        self.uri = uri
        self._artifacts = None if uri.startswith("http") else artifacts
        self._folder, self._epoch_log, self._clock = folder, epoch_log, clock
        self._client = open_store(uri)
        self._queue = RetryQueue(is_outage, self._report_outage, clock)
        self._runs: dict[int, RunSync] = {}
        self._trials = SearchState()
        self._ranks: dict[int, int] = {}
        self._due, self._is_stale, self._can_draw = -math.inf, False, True

    def begin(self, info: SearchInfo, records: Sequence[TrialRecord]) -> tuple[str, str]:
        """Find or create the search's parent run, open it, and update its trials' runs.

        A trial that ended gets a run if it has none, and its run is closed. Epochs that MLflow
        lacks are sent from the epoch log. A run that a user deleted stays deleted, except the
        parent.

        Args:
            info: the search.
            records: its trials, from its storage.

        Returns:
            The ids of the experiment and of the parent run.

        Raises:
            RequestError: MLflow does not answer, or reports an error.
        """
        self._info, self._trials = info, SearchState(records, info.objectives)
        self._ranks = dict(ranks_of(records, info.objectives))
        for leftover in self._folder.glob(".*.partial"):  # of a driver that crashed
            leftover.unlink(missing_ok=True)
        try:
            self._parent = parent_of(self._client, info, self._artifacts)
            self._parent.sync()
            experiment_id, parent = self._parent.experiment_id, str(self._parent.run_id)
            runs = children(self._client, experiment_id, parent)
        except UNUSABLE as error:
            raise unusable(self.uri, error) from None
        self._reconcile(runs)
        self._queue_call("view", partial(save_view, self._client, info, experiment_id, parent))
        if self._ranks:
            self.publish(info, self._trials, now=True)
        self._queue.drain()
        return experiment_id, parent

    def run_of(self, number: int) -> str | None:
        """Return the id of a trial's run; None until MLflow has created it."""
        run = self._runs.get(number)
        return run.run_id if run else None

    def start_trial(self, record: TrialRecord) -> None:
        """Create a trial's run, or open its existing one again.

        A driver that died may have logged epochs of the trial that MLflow does not have.
        """
        self._set_target(record)
        self._runs[record.number].add_epochs(self._epoch_log.read(record.number))
        self._queue_run(record.number)

    def log_epochs(self, number: int, epochs: Sequence[EpochRecord]) -> None:
        """Log epochs of a trial, together with those of the last seconds."""
        self._runs[number].add_epochs(epochs)
        self._queue_run(number, FLUSH_SECONDS)

    def end_trial(self, record: TrialRecord) -> None:
        """Close the run of a trial that ended, with its final values, or mark it as paused."""
        self._set_target(record)
        self._queue_run(record.number)

    def log_reading(self, number: int, values: Mapping[str, float], step: int = 0) -> None:
        """Log values of a trial that were measured after it ended."""
        self._runs[number].add_values(values, step)
        self._queue_run(number)

    def publish(self, info: SearchInfo, trials: SearchState, *, now: bool = False) -> None:
        """Update the front: plots, table and metrics of the parent, tags of its members.

        Args:
            info: the search.
            trials: its trials; read when the front is drawn.
            now: draw now, without waiting for `PUBLISH_SECONDS` since the last time.
        """
        self._info, self._trials, self._is_stale = info, trials, True
        values, step = search_values(trials)
        if any(self._parent.values.get(name) != value for name, value in values.items()):
            self._parent.add_values(values, step)
        if now:
            self.turn(now=True)

    def turn(self, *, now: bool = False) -> None:
        """Send data that are due, after drawing the front again if it changed and is due.

        Args:
            now: draw the front even if it was drawn a moment ago.
        """
        if self._is_stale and (now or self._clock.now() >= self._due):
            self._draw()
        self._queue.drain()

    def end_search(self, status: Ending) -> None:
        """Close the parent run with the state of the search; `begin` opens a paused one again."""
        self._parent.status = ENDINGS[status]
        self._parent.tags["state"] = status
        self._queue.put("search", lambda: self._sync(self._parent, "the search"))
        self.turn(now=True)

    def attach(self, names: Sequence[str]) -> None:
        """Queue files of the search's folder as artifacts, beside the plots."""
        self._queue.put("report", lambda: self._upload(names))

    def close(self, patience: float = 60.0) -> bool:
        """Send all queued data.

        Args:
            patience: seconds of retries during an outage.

        Returns:
            Whether MLflow has everything. If not, a later `begin` of the search sends the rest.
        """
        if self._is_stale:
            self._draw()
        return self._queue.finish(patience)

    def _reconcile(self, runs: Sequence[Run]) -> None:
        """Compare the runs in MLflow with the trials, and queue the differences."""
        records = {n: trial for n, trial in self._trials.items() if not trial.rejected}
        found = match_runs(runs, set(records))
        for run_id in found.duplicates:
            self._queue_call(run_id, partial(self._client.delete_run, run_id))
        for run_id in found.orphans:
            self._queue_call(run_id, partial(self._client.set_terminated, run_id, "KILLED"))
        for number, record in records.items():
            if number not in found.by_trial and record.state not in ENDED:
                continue
            run = self._run(record)
            if number in found.by_trial:
                run.adopt(found.by_trial[number])
            self._set_target(record)
            if run.is_behind or (record.epochs and not run.has_epochs):
                run.add_epochs(self._epoch_log.read(number))
                self._queue_run(number)

    def _run(self, record: TrialRecord) -> RunSync:
        """Return the run of a trial, which may yet have to be created."""
        number = record.number
        if number not in self._runs:
            fixed = trial_run(self._info, record, self._parent.experiment_id)
            self._runs[number] = RunSync(self._client, fixed, {})
        return self._runs[number]

    def _set_target(self, record: TrialRecord) -> None:
        """Set the target state of a trial's run."""
        run = self._run(record)
        run.status = STATUSES[record.state]
        rank = self._ranks.get(record.number)
        run.tags = trial_tags(self._info, record, str(self._parent.run_id), rank)
        run.correct(final_values(record, self._info.objectives), record.epochs)

    def _draw(self) -> None:
        """Write the front's files, and queue its artifacts, description and tags."""
        began, self._is_stale = self._clock.now(), False
        try:
            write_front(self._folder, self._info, self._trials.trials, self.uri)
        except OSError as error:
            if self._can_draw:
                say(f"the plots in {self._folder} cannot be written yet: {error.strerror}")
            self._is_stale = True
        self._can_draw = not self._is_stale
        took = self._clock.now() - began
        self._due = began + max(PUBLISH_SECONDS, took / DRAWING_SHARE)
        members, place = self._trials.members, self._parent.experiment_id
        self._parent.tags[NOTE] = describe(self._info, members, place, str(self._parent.run_id))
        self._queue.put("search", lambda: self._sync(self._parent, "the search"))
        self._queue.put("plots", lambda: self._upload(FILES))
        self._tag_ranks()

    def _tag_ranks(self) -> None:
        """Queue the changed ranks of trials, those that join or leave the front at once."""
        ranks = ranks_of(self._trials.trials, self._info.objectives)
        before, self._ranks = self._ranks, dict(ranks)
        for number, rank in self._ranks.items():
            if (was := before.get(number)) != rank:
                tags = self._runs[number].tags
                tags.pop("pareto", None)
                tags |= rank_tags(rank)
                is_urgent = was is None or 0 in (was, rank)
                self._queue_run(number, 0.0 if is_urgent else RANK_SECONDS)

    def _upload(self, names: Sequence[str]) -> None:
        for name in names:
            if not self._parent.deleted and (self._folder / name).exists():
                self._parent.upload(self._folder / name, "plots")

    def _queue_run(self, number: int, delay: float = 0.0) -> None:
        """Queue the update of a trial's run."""
        run = self._runs[number]
        self._queue.put(number, lambda: self._sync(run, f"trial {number}"), delay)

    def _queue_call(self, key: str, call: Callable[[], None]) -> None:
        """Queue a call that is skipped if its target is deleted by then."""

        def skipping() -> None:
            try:
                call()
            except MlflowException as error:
                if not is_refusal(error):
                    raise

        self._queue.put(key, skipping)

    def _sync(self, run: RunSync, label: str) -> None:
        """Update a run, unless a user deleted it."""
        if sync_existing(run):
            say(f"the run of {label} was deleted from MLflow; nothing more is logged to it")

    def _report_outage(self, is_away: bool) -> None:
        say(outage(self.uri, is_away))
