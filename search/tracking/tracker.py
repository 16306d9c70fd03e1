"""Tracker of a search in MLflow: a parent run for the search, and a child run for each trial.

MLflow is a view of the search's storage. During an outage data are queued; data that a crashed
driver did not send, the next driver sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from search.errors import say
from search.store.epoch_log import EpochLog
from search.store.urls import is_server
from search.tracking.artifacts import Artifacts
from search.tracking.client import MlflowException, Run, is_refusal, open_store
from search.tracking.description import FILES, describe
from search.tracking.front import Front
from search.tracking.reconcile import match_runs, parent_of, sync_existing
from search.tracking.retry_queue import REAL, Clock
from search.tracking.run_sync import NOTE, RunSync
from search.tracking.runs import children
from search.tracking.saved_view import save_view
from search.tracking.sender import BEGIN, Sender, label_of
from search.tracking.tags import ENDINGS, Ending, search_values, standings
from search.tracking.trial_syncs import TrialSyncs
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState
from search.trials.trial_record import ENDED, TrialRecord
from swast.result import EpochRecord

FLUSH_SECONDS = 2.0
"""Seconds whose epochs are sent together."""
RANK_SECONDS = 60.0
"""Delay of a changed rank in MLflow, for a trial that was and is not on the front."""


class Tracker:
    """Writer of one search to MLflow.

    Whatever MLflow answers, no call raises once the tracker is made. Calls queue data of trials;
    `turn` sends them, and keeps data that cannot be sent.

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
        self._place = None if is_server(uri) else artifacts
        self._folder, self._epoch_log = folder, epoch_log
        self._client = open_store(uri)
        self._sender = Sender(uri, clock, say)
        self._artifacts = Artifacts(folder, self._sender, self._sync)
        self._parent: RunSync | None = None
        self._runs: TrialSyncs | None = None
        self._records: dict[int, TrialRecord] = {}
        self._readings: list[tuple[int, Mapping[str, float], int]] = []
        self._trials = SearchState()
        self._standing: Mapping[int, Mapping[str, str]] = {}
        self._front = Front(folder, uri, clock)
        self._is_late = False
        self._ending: Ending | None = None
        self._attached: list[str] = []

    @property
    def epoch_log(self) -> EpochLog:
        """The epochs of the search's trials."""
        return self._epoch_log

    @property
    def place(self) -> tuple[str, str] | None:
        """The ids of the experiment and of the parent run; None until MLflow has them."""
        if self._parent is None or self._parent.run_id is None:
            return None
        return self._parent.experiment_id, self._parent.run_id

    @property
    def missing(self) -> tuple[str, ...]:
        """What MLflow refused for good, as too large or forbidden."""
        return self._sender.missing

    def begin(
        self, info: SearchInfo, records: Sequence[TrialRecord], *, again: bool = False
    ) -> tuple[str, str] | None:
        """Find or create the search's parent run, open it, and update its trials' runs.

        A trial that ended gets a run if it has none, and its run is closed. Epochs that MLflow
        lacks are sent from the epoch log. A run that a user deleted stays deleted, except the
        parent. If MLflow cannot do this now, it is done as soon as it can.

        Args:
            info: the search.
            records: its trials, from its storage.
            again: compare all that MLflow has, and restore deleted runs as well.

        Returns:
            The ids of the experiment and of the parent run, if MLflow has them.
        """
        self._info, self._trials = info, SearchState(records, info.objectives)
        self._records = {record.number: record for record in records}
        self._standing = standings(records, info.objectives)
        for leftover in self._folder.glob(".*.partial"):  # of a driver that crashed
            leftover.unlink(missing_ok=True)
        self._sender.runs.put(BEGIN, partial(self._begin, again=again))
        self._sender.drain()
        self._is_late = self._parent is None
        return self.place

    def _begin(self, *, again: bool) -> None:
        """Begin in MLflow, and queue all that it lacks by now; idempotent."""
        parent = parent_of(self._client, self._info, self._place)
        if again:
            parent.restore()
        parent.sync()
        place, run_id = parent.experiment_id, str(parent.run_id)
        further = any(record.repeats is not None for record in self._records.values())
        runs = children(self._client, place, run_id, further=further)
        self._parent = parent
        self._runs = TrialSyncs(self._client, self._info, parent, self._standing)
        self._artifacts.after_sync("search", parent)
        self._reconcile(self._runs, runs, again=again)
        self._queue_call("view", partial(save_view, self._client, self._info, place, run_id))
        for number, values, step in self._readings:
            self.log_reading(number, values, step)
        if self._standing:
            self.publish(self._info, self._trials, now=True)
        self.attach(self._attached)
        if self._ending is not None:
            self.end_search(self._ending)

    def run_of(self, number: int) -> str | None:
        """Return the id of a trial's run; None until MLflow has created it."""
        run = self._runs.get(number) if self._runs else None
        return run.run_id if run else None

    def start_trial(self, record: TrialRecord) -> None:
        """Create a trial's run, or open its existing one again.

        A driver that died may have logged epochs of the trial that MLflow does not have.
        """
        self._records[record.number] = record
        if self._runs is not None:
            run = self._runs.set_target(record)
            run.add_epochs(self._epoch_log.read(record.number))
            self._queue_run(record.number)

    def log_epochs(self, number: int, epochs: Sequence[EpochRecord]) -> None:
        """Log epochs of a trial, together with those of the last seconds."""
        if run := self._runs and self._runs.get(number):
            run.add_epochs(epochs)
            self._queue_run(number, FLUSH_SECONDS)

    def end_trial(self, record: TrialRecord) -> None:
        """Close the run of a trial that ended, with its final values, or mark it as paused."""
        self._records[record.number] = record
        if self._runs is not None:
            self._runs.set_target(record)
            self._queue_run(record.number)

    def log_reading(self, number: int, values: Mapping[str, float], step: int = 0) -> None:
        """Log values of a trial that were measured after it ended."""
        if run := self._runs and self._runs.get(number):
            run.add_values(values, step)
            self._queue_run(number)
        else:
            self._readings.append((number, values, step))

    def publish(self, info: SearchInfo, trials: SearchState, *, now: bool = False) -> None:
        """Update the front: plots, table and metrics of the parent, tags of its members.

        Args:
            info: the search.
            trials: its trials; read when the front is drawn.
            now: draw now, without waiting for `PUBLISH_SECONDS` since the last time.
        """
        self._info, self._trials, self._front.is_stale = info, trials, True
        values, step = search_values(trials)
        if self._parent and not values.items() <= self._parent.values.items():
            self._parent.add_values(values, step)
        if now:
            self.turn(now=True)

    def turn(self, *, now: bool = False) -> None:
        """Send data that are due, after drawing the front again if it changed and is due.

        Args:
            now: draw the front even if it was drawn a moment ago.
        """
        if self._front.is_due(now=now):
            self._draw()
        self._sender.drain()

    def end_search(self, status: Ending) -> None:
        """Close the parent run with the state of the search; `begin` opens a paused one again."""
        self._ending = status
        if self._parent is not None:
            self._parent.status = ENDINGS[status]
            self._parent.tags["state"] = status
            self._queue_parent(self._parent)
        self.turn(now=True)

    def attach(self, names: Sequence[str]) -> None:
        """Queue files of the search's folder as artifacts, in ``plots`` or their own folder."""
        self._attached = list(dict.fromkeys([*self._attached, *names]))
        if self._parent is not None:
            self._artifacts.put_plots(self._parent, names)

    def close(self, patience: float = 60.0) -> bool:
        """Send all queued data.

        Args:
            patience: seconds of retries during an outage that may pass by itself.

        Returns:
            Whether MLflow has everything. If not, a later `begin` of the search sends the rest.
        """
        if self._front.is_due(now=True):
            self._draw()
        return self._sender.finish(patience)

    def _reconcile(self, trials: TrialSyncs, runs: Sequence[Run], *, again: bool) -> None:
        """Compare the runs in MLflow with the trials, and queue the differences."""
        records = {n: trial for n, trial in self._records.items() if not trial.rejected}
        found = match_runs(runs, set(records))
        for run_id in found.duplicates:
            self._queue_call(run_id, partial(self._client.delete_run, run_id))
        for run_id in found.orphans:
            self._queue_call(run_id, partial(self._client.set_terminated, run_id, "KILLED"))
        for number, record in records.items():
            started = record.state in ENDED or self._is_late
            if number not in found.by_trial and not started:
                continue
            run = trials.run_of(record)
            if number in found.by_trial:
                run.adopt(found.by_trial[number])
            if again:
                run.restore()
            trials.set_target(record)
            if run.is_behind or (record.epochs and not run.has_epochs):
                run.add_epochs(self._epoch_log.read(number))
                self._queue_run(number)

    def _draw(self) -> None:
        """Write the front's files, and queue its artifacts, description and tags."""
        self._front.draw(self._info, self._trials)
        if self._parent is None or self._runs is None:
            return
        members, place = self._trials.members, self._parent.experiment_id
        self._parent.tags[NOTE] = describe(self._info, members, place, str(self._parent.run_id))
        self._queue_parent(self._parent)
        self._artifacts.put_plots(self._parent, FILES)
        for number, is_urgent in self._runs.rank(self._trials.trials):
            self._queue_run(number, 0.0 if is_urgent else RANK_SECONDS)

    def _queue_parent(self, parent: RunSync) -> None:
        """Queue the update of the search's own run."""
        self._sender.runs.put("search", lambda: self._sync("search", parent))

    def _queue_run(self, number: int, delay: float = 0.0) -> None:
        """Queue the update of a trial's run."""
        run = self._runs.get(number) if self._runs is not None else None
        if run is not None:
            self._sender.runs.put(number, partial(self._sync, number, run), delay)

    def _queue_call(self, key: str, call: Callable[[], None]) -> None:
        """Queue a call that is skipped if its target is deleted by then."""

        def skipping() -> None:
            try:
                call()
            except MlflowException as error:
                if not is_refusal(error):
                    raise

        self._sender.runs.put(key, skipping)

    def _sync(self, key: int | str, run: RunSync) -> None:
        """Update a run, unless a user deleted it."""
        self._artifacts.before_sync(run)
        if self._runs is not None and isinstance(key, int):
            self._runs.hang(key)
        if sync_existing(run):
            deleted = f"the run of {label_of(key)} was deleted from MLflow"
            say(f"{deleted}; nothing more is logged to it")
        self._artifacts.after_sync(key, run)
