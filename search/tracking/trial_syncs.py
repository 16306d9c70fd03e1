"""Runs of a search's trials, with the state that MLflow should show of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from search.tracking.client import MlflowClient
from search.tracking.run_sync import PARENT, RunSync
from search.tracking.tags import (
    STANDING,
    STATUSES,
    estimated_values,
    final_values,
    standings,
    trial_run,
    trial_tags,
)
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, finished, reading_values


class TrialSyncs:
    """Synchronisers of a search's trials.

    Args:
        client: MLflow's client.
        info: the search.
        parent: its own run, which MLflow has.
        standing: tags of the trials that have a standing, by number (see `tags.standings`).
    """

    def __init__(
        self,
        client: MlflowClient,
        info: SearchInfo,
        parent: RunSync,
        standing: Mapping[int, Mapping[str, str]],
    ) -> None:
        self._client, self._info, self._parent = client, info, parent
        self._standing = standing
        self._runs: dict[int, RunSync] = {}
        self._repeats: dict[int, int] = {}

    def get(self, number: int) -> RunSync | None:
        """Return the run of a trial, if the trial was met."""
        return self._runs.get(number)

    def run_of(self, record: TrialRecord) -> RunSync:
        """Return the run of a trial, which may yet have to be created."""
        if record.number not in self._runs:
            fixed = trial_run(self._info, record, self._parent.experiment_id)
            self._runs[record.number] = RunSync(self._client, fixed, {})
        return self._runs[record.number]

    def set_target(self, record: TrialRecord) -> RunSync:
        """Set the target state of a trial's run, and return the run."""
        run, objectives = self.run_of(record), self._info.objectives
        run.status = STATUSES[record.state]
        standing = self._standing.get(record.number, {})
        run.tags = trial_tags(self._info, record, str(self._parent.run_id), standing)
        if record.repeats is not None:
            self._repeats[record.number] = record.repeats
            self.hang(record.number)
        run.correct(final_values(record, objectives), record.epochs)
        self._add_readings(run, record)
        return run

    def _add_readings(self, run: RunSync, record: TrialRecord) -> None:
        """Queue the readings of a trial that MLflow lacks; a driver may have died between two."""
        sent: dict[str, set[int]] = {}
        known = set(run.values)
        for seed, reading in sorted(record.readings.items()):
            values, step = reading_values(record, seed, reading, self._info.objectives)
            for name in known & set(values) - set(sent):
                history = self._client.get_metric_history(run.run_id, name)
                sent[name] = {metric.step for metric in history}
            new = {name: v for name, v in values.items() if step not in sent.get(name, ())}
            run.add_values(new, step)

    def hang(self, number: int) -> None:
        """Hang a further training's run under that of the first one, once MLflow has it."""
        first = self._runs.get(self._repeats.get(number, -1))
        if first is not None and first.run_id is not None and not first.deleted:
            self._runs[number].tags[PARENT] = first.run_id

    def rank(self, trials: Sequence[TrialRecord]) -> Iterator[tuple[int, bool]]:
        """Set changed standings and estimates; yield the trials, and whether it is urgent."""
        before = self._standing
        self._standing = standings(trials, self._info.objectives)
        step = len(finished(trials))
        for trial in trials:
            run, number = self._runs.get(trial.number), trial.number
            if run is None or number not in self._standing:
                continue
            was, now = before.get(number), self._standing[number]
            for tag in STANDING:
                run.tags.pop(tag, None)
            run.tags |= now
            run.correct(estimated_values(trial), step)
            if was != now:
                yield number, was is None or was.get("pareto") != now.get("pareto")
            elif run.is_behind:
                yield number, False
