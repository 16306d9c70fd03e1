"""The search in MLflow: a view of it in a parent run, and of each trial in a child run.

What MLflow has follows from the search's storage. While it is away, what it misses waits; what a
driver that died did not tell it, the next one does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from search.errors import say
from search.histories import Epoch, Histories
from search.info import SearchInfo
from search.records import ENDED, TrialRecord, ranks_of
from search.standing import Standing
from search.tracking.backlog import REAL, Backlog, Clock
from search.tracking.labels import (
    ENDINGS,
    STATUSES,
    Ending,
    final_values,
    search_values,
    standing,
    trial_run,
    trial_tags,
)
from search.tracking.mirror import NOTE, Mirror, children
from search.tracking.notes import FILES, describe, write_front
from search.tracking.store import (
    UNUSABLE,
    MlflowException,
    Run,
    is_outage,
    is_refusal,
    open_store,
    outage,
    unusable,
)
from search.tracking.takeover import bring, parent_of, sort_out
from search.tracking.view import save_view

FLUSH_SECONDS = 2.0
"""Epochs of so many seconds are sent together."""
PUBLISH_SECONDS = 5.0
DRAWING_SHARE = 0.05
"""The front is shown at most so often, and of the time of a large search not more than so much."""
RANK_SECONDS = 60.0
"""A change of the rank of a trial that was and is behind the front is told after so long."""


class Tracker:
    """Writes one search to MLflow.

    Once `begin` has returned, no outage of MLflow is the caller's concern. What is told of trials
    waits for a `turn`, and what cannot be sent waits for another.

    Args:
        uri: MLflow's tracking URI, ``sqlite:///…`` or ``http://…``.
        artifacts: folder for artifacts where the store is local.
        folder: of the search; its plots and table are written there.
        histories: the epochs of its trials.
        clock: the time.

    Raises:
        RequestError: the store cannot be used.
    """

    def __init__(
        self, uri: str, artifacts: Path, folder: Path, histories: Histories, clock: Clock = REAL
    ) -> None:
        self.uri = uri
        self._artifacts = None if uri.startswith("http") else artifacts
        self._folder, self._histories, self._clock = folder, histories, clock
        self._client = open_store(uri)
        self._backlog = Backlog(is_outage, self._tell, clock)
        self._runs: dict[int, Mirror] = {}
        self._trials = Standing()
        self._ranks: dict[int, int] = {}
        self._due, self._is_stale, self._can_draw = -math.inf, False, True

    def begin(self, info: SearchInfo, records: Sequence[TrialRecord]) -> tuple[str, str]:
        """Find or make the search's parent run, open it, and bring its trials' runs up to date.

        A trial that ended gets a run if it has none, and its run is closed. Epochs that MLflow
        lacks are sent from the histories. A run that a user deleted stays so, but for the parent.

        Args:
            info: what the search is.
            records: of its trials, as its storage has them.

        Returns:
            The ids of the experiment and of the parent run.

        Raises:
            RequestError: MLflow does not answer, or not as it should.
        """
        self._info, self._trials = info, Standing(records)
        self._ranks = ranks_of(records)
        for leftover in self._folder.glob(".*.partial"):  # of a driver that died
            leftover.unlink(missing_ok=True)
        try:
            self._parent = parent_of(self._client, info, self._artifacts)
            self._parent.bring()
            experiment_id, parent = self._parent.experiment_id, str(self._parent.run_id)
            runs = children(self._client, experiment_id, parent)
        except UNUSABLE as error:
            raise unusable(self.uri, error) from None
        self._reconcile(runs)
        self._put_call("view", partial(save_view, self._client, info, experiment_id, parent))
        if self._ranks:
            self.publish(info, self._trials, now=True)
        self._backlog.drain()
        return experiment_id, parent

    def run_of(self, number: int) -> str | None:
        """The id of a trial's run, or None until MLflow has made it."""
        run = self._runs.get(number)
        return run.run_id if run else None

    def start_trial(self, record: TrialRecord) -> None:
        """Make a trial's run, or open again the one that there is.

        A driver that died may have kept epochs of the trial and not told MLflow of them.
        """
        self._want(record)
        self._runs[record.number].add_epochs(self._histories.read(record.number))
        self._put(record.number)

    def log_epochs(self, number: int, epochs: Sequence[Epoch]) -> None:
        """Log epochs of a trial, together with others of the last seconds."""
        self._runs[number].add_epochs(epochs)
        self._put(number, FLUSH_SECONDS)

    def end_trial(self, record: TrialRecord) -> None:
        """Close the run of a trial that ended, with its final values, or mark it as paused."""
        self._want(record)
        self._put(record.number)

    def log_reading(self, number: int, values: Mapping[str, float], step: int = 0) -> None:
        """Log what was found of a trial after it ended."""
        self._runs[number].add_values(values, step)
        self._put(number)

    def publish(self, info: SearchInfo, trials: Standing, *, now: bool = False) -> None:
        """Bring the front up to date: plots, table and metrics of the parent, members' tags.

        Args:
            info: what the search is.
            trials: of it, as they stand when they are shown.
            now: do not wait until `PUBLISH_SECONDS` have passed since the last time.
        """
        self._info, self._trials, self._is_stale = info, trials, True
        values, step = search_values(info, trials)
        if any(self._parent.values.get(name) != value for name, value in values.items()):
            self._parent.add_values(values, step)
        if now:
            self.turn(now=True)

    def turn(self, *, now: bool = False) -> None:
        """Send what waits and is due; a front that is held back is shown first, if it is time.

        Args:
            now: show the front however lately it was.
        """
        if self._is_stale and (now or self._clock.now() >= self._due):
            self._draw()
        self._backlog.drain()

    def end_search(self, status: Ending) -> None:
        """Close the parent run; that of a paused search is marked, and `begin` opens it again."""
        self._parent.status = ENDINGS[status]
        self._parent.tags["state"] = status
        self._backlog.put("search", lambda: self._bring(self._parent, "the search"))
        self.turn(now=True)

    def attach(self, names: Sequence[str]) -> None:
        """Let files of the search's folder wait as artifacts beside the plots."""
        self._backlog.put("report", lambda: self._upload(names))

    def close(self, patience: float = 60.0) -> bool:
        """Send what waits.

        Args:
            patience: seconds for which it is tried again while MLflow is away.

        Returns:
            Whether MLflow has everything. If not, `begin` with the same search makes it good.
        """
        if self._is_stale:
            self._draw()
        return self._backlog.finish(patience)

    def _reconcile(self, runs: Sequence[Run]) -> None:
        """Compare the runs that there are with the trials, and let wait what is amiss."""
        records = {n: trial for n, trial in self._trials.items() if not trial.rejected}
        found = sort_out(runs, set(records))
        for run_id in found.doubles:
            self._put_call(run_id, partial(self._client.delete_run, run_id))
        for run_id in found.strays:
            self._put_call(run_id, partial(self._client.set_terminated, run_id, "KILLED"))
        for number, record in records.items():
            if number not in found.kept and record.state not in ENDED:
                continue
            run = self._mirror(record)
            if number in found.kept:
                run.adopt(found.kept[number])
            self._want(record)
            if run.lacks or (record.epochs and not run.has_epochs):
                run.add_epochs(self._histories.read(number))
                self._put(number)

    def _mirror(self, record: TrialRecord) -> Mirror:
        """The run of a trial, as it is known or will be made."""
        number = record.number
        if number not in self._runs:
            fixed = trial_run(self._info, record, self._parent.experiment_id)
            self._runs[number] = Mirror(self._client, fixed, {})
        return self._runs[number]

    def _want(self, record: TrialRecord) -> None:
        """Set what a trial's run shall be."""
        run = self._mirror(record)
        run.status = STATUSES[record.state]
        rank = self._ranks.get(record.number)
        run.tags = trial_tags(self._info, record, str(self._parent.run_id), rank)
        run.correct(final_values(record), record.epochs)

    def _draw(self) -> None:
        """Write the front's files, and let its artifacts, description and tags wait."""
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
        self._backlog.put("search", lambda: self._bring(self._parent, "the search"))
        self._backlog.put("plots", lambda: self._upload(FILES))
        self._tag_ranks()

    def _tag_ranks(self) -> None:
        """Let the ranks of trials wait that changed; those of the front's trials go first."""
        before, self._ranks = self._ranks, ranks_of(self._trials.trials)
        for number, rank in self._ranks.items():
            if (was := before.get(number)) != rank:
                tags = self._runs[number].tags
                tags.pop("pareto", None)
                tags |= standing(rank)
                is_urgent = was is None or 0 in (was, rank)
                self._put(number, 0.0 if is_urgent else RANK_SECONDS)

    def _upload(self, names: Sequence[str]) -> None:
        for name in names:
            if not self._parent.gone and (self._folder / name).exists():
                self._parent.upload(self._folder / name, "plots")

    def _put(self, number: int, delay: float = 0.0) -> None:
        """Let a trial's run wait for its turn."""
        run = self._runs[number]
        self._backlog.put(number, lambda: self._bring(run, f"trial {number}"), delay)

    def _put_call(self, key: str, call: Callable[[], None]) -> None:
        """Let a call wait that is of no use once what it is about is deleted."""

        def forgiving() -> None:
            try:
                call()
            except MlflowException as error:
                if not is_refusal(error):
                    raise

        self._backlog.put(key, forgiving)

    def _bring(self, run: Mirror, label: str) -> None:
        """Bring a run up to date, unless a user deleted it."""
        if bring(run):
            say(f"the run of {label} was deleted from MLflow; nothing more is logged to it")

    def _tell(self, is_away: bool) -> None:
        say(outage(self.uri, is_away))
