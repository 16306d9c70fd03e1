"""Runs of a search's trials, with the state that MLflow should show of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from search.tracking.client import MlflowClient
from search.tracking.run_sync import RunSync
from search.tracking.tags import (
    STATUSES,
    final_values,
    rank_tags,
    trial_run,
    trial_tags,
)
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, ranks_of, reading_values


class TrialSyncs:
    """Synchronisers of a search's trials.

    Args:
        client: MLflow's client.
        info: the search.
        parent: its own run, which MLflow has.
        ranks: non-dominated ranks of the trials that have one, by number.
    """

    def __init__(
        self, client: MlflowClient, info: SearchInfo, parent: RunSync, ranks: Mapping[int, int]
    ) -> None:
        self._client, self._info, self._parent = client, info, parent
        self._ranks = dict(ranks)
        self._runs: dict[int, RunSync] = {}

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
        rank = self._ranks.get(record.number)
        run.tags = trial_tags(self._info, record, str(self._parent.run_id), rank)
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

    def rank(self, trials: Sequence[TrialRecord]) -> Iterator[tuple[int, bool]]:
        """Set the tags of changed ranks; yield the trials, and whether the front has changed."""
        before, self._ranks = self._ranks, dict(ranks_of(trials, self._info.objectives))
        for number, rank in self._ranks.items():
            if (was := before.get(number)) != rank and number in self._runs:
                tags = self._runs[number].tags
                tags.pop("pareto", None)
                tags |= rank_tags(rank)
                yield number, was is None or 0 in (was, rank)
