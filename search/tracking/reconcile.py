"""Reconciliation of a search with its runs in MLflow when a driver begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search.tracking.client import LifecycleStage, MlflowClient, MlflowException, Run, is_refusal
from search.tracking.run_sync import CLOSED, PARENT, RunSync
from search.tracking.runs import find_runs
from search.tracking.tags import search_run, search_tags
from search.trials.search_info import SearchInfo


@dataclass(frozen=True)
class TrialRuns:
    """Runs of a search's trials.

    Attributes:
        by_trial: the run of each trial, by its number.
        duplicates: ids of further runs of the same trials.
        orphans: ids of open runs of trials that the search does not have.
    """

    by_trial: dict[int, Run] = field(default_factory=dict)
    duplicates: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)


def match_runs(runs: Sequence[Run], known: set[int]) -> TrialRuns:
    """Match runs to trials. The oldest run of a trial is kept; a deleted one only if it is alone.

    Args:
        runs: children of the search's run, the oldest first.
        known: numbers of the search's trials.
    """
    found = TrialRuns()
    for run in sorted(runs, key=is_deleted):
        tag = run.data.tags.get("trial", "")
        if not tag.isdecimal():
            continue
        if int(tag) not in known:
            if not is_deleted(run) and run.info.status not in CLOSED:
                found.orphans.append(run.info.run_id)
        elif int(tag) not in found.by_trial:
            found.by_trial[int(tag)] = run
        elif not is_deleted(run):
            found.duplicates.append(run.info.run_id)
    return found


def is_deleted(run: Run) -> bool:
    """Return whether a user deleted a run; MLflow keeps it until `mlflow gc` runs."""
    return bool(run.info.lifecycle_stage == LifecycleStage.DELETED)


def sync_existing(run: RunSync) -> bool:
    """Update a run in MLflow, unless a user deleted it.

    Returns:
        Whether the run turned out to be deleted during this call.
    """
    if run.deleted:
        return False
    try:
        run.sync()
    except MlflowException as error:
        if not is_refusal(error) or not run.look_up_deleted():
            raise
        run.deleted = True
        return True
    return False


def parent_of(client: MlflowClient, info: SearchInfo, artifacts: Path | None) -> RunSync:
    """Return the search's own run: an existing one, restored if deleted, or one yet to be made.

    The run is in the experiment of the study. That experiment is created if it does not exist.

    Args:
        client: MLflow's client.
        info: the search; its record may lack a run that was made for it.
        artifacts: folder for artifacts of a new experiment; None leaves that to the server.
    """
    found = _remembered(client, info)
    experiment_id = experiment_of(client, info.study.name, artifacts, found)
    if found is None:
        made = find_runs(client, experiment_id, f"tags.search_uid = '{info.uid}'")
        found = next((run for run in made if PARENT not in run.data.tags), None)
    parent = RunSync(client, search_run(info, experiment_id), search_tags(info))
    if found is not None:
        if is_deleted(found):
            client.restore_run(found.info.run_id)
            found = client.get_run(found.info.run_id)
        parent.adopt(found)
    return parent


def _remembered(client: MlflowClient, info: SearchInfo) -> Run | None:
    """Return the run in the search's record, if the store has it."""
    if info.run_id is None:
        return None
    try:
        return client.get_run(info.run_id)
    except MlflowException as error:
        if not is_refusal(error):
            raise
        return None


def experiment_of(
    client: MlflowClient, study: str, artifacts: Path | None, run: Run | None
) -> str:
    """Return the id of the experiment of a run, even if renamed; without a run, the study's."""
    if run is not None:
        found = client.get_experiment(run.info.experiment_id)
    else:
        found = client.get_experiment_by_name(study)
    if found is None:
        place = (artifacts / study).absolute().as_uri() if artifacts else None
        return str(client.create_experiment(study, place))
    if found.lifecycle_stage == LifecycleStage.DELETED:
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)
