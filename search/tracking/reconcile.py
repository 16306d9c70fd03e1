"""What a driver finds of its search in MLflow when it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search.tracking.client import LifecycleStage, MlflowClient, MlflowException, Run, is_refusal
from search.tracking.run_sync import CLOSED, PARENT, Mirror, find_runs
from search.tracking.tags import search_run, search_tags
from search.trials.search_info import SearchInfo


@dataclass(frozen=True)
class Found:
    """The runs of a search's trials.

    Attributes:
        kept: one run a trial, by its number.
        doubles: ids of further runs of the same trials.
        strays: ids of open runs of trials that the search does not know.
    """

    kept: dict[int, Run] = field(default_factory=dict)
    doubles: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)


def sort_out(runs: Sequence[Run], known: set[int]) -> Found:
    """Tell which runs are kept: the oldest of each trial, a deleted one only if there is no other.

    Args:
        runs: the children of the search's run, the oldest first.
        known: the numbers of its trials.
    """
    found = Found()
    for run in sorted(runs, key=is_deleted):
        tag = run.data.tags.get("trial", "")
        if not tag.isdecimal():
            continue
        if int(tag) not in known:
            if not is_deleted(run) and run.info.status not in CLOSED:
                found.strays.append(run.info.run_id)
        elif int(tag) not in found.kept:
            found.kept[int(tag)] = run
        elif not is_deleted(run):
            found.doubles.append(run.info.run_id)
    return found


def is_deleted(run: Run) -> bool:
    """Whether a user deleted a run; MLflow keeps it until it is told to collect garbage."""
    return bool(run.info.lifecycle_stage == LifecycleStage.DELETED)


def bring(run: Mirror) -> bool:
    """Bring a run up to date, unless a user deleted it; returns whether that is seen just now."""
    if run.gone:
        return False
    try:
        run.bring()
    except MlflowException as error:
        if not is_refusal(error) or not run.is_deleted():
            raise
        run.gone = True
        return True
    return False


def parent_of(client: MlflowClient, info: SearchInfo, artifacts: Path | None) -> Mirror:
    """The search's own run: the one there is, even if it was deleted, or one yet to be made.

    It lies in the experiment of its study, which is made if there is none.

    Args:
        client: of MLflow.
        info: what the search is; it may not know of a run that was made for it.
        artifacts: folder for artifacts of a new experiment; None leaves that to the server.
    """
    found = _remembered(client, info)
    experiment_id = experiment_of(client, info.study.name, artifacts, found)
    if found is None:
        made = find_runs(client, experiment_id, f"tags.search_uid = '{info.uid}'")
        found = next((run for run in made if PARENT not in run.data.tags), None)
    parent = Mirror(client, search_run(info, experiment_id), search_tags(info))
    if found is not None:
        if is_deleted(found):
            client.restore_run(found.info.run_id)
            found = client.get_run(found.info.run_id)
        parent.adopt(found)
    return parent


def _remembered(client: MlflowClient, info: SearchInfo) -> Run | None:
    """The run that the search knows of, if the store has it."""
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
    """The id of the experiment that holds a run, whatever it is called now, or of the study's."""
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
