"""What a driver finds of its search in MLflow when it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search.labels import search_run, search_tags
from search.mirror import CLOSED, PARENT, Mirror, search
from search.mlstore import LifecycleStage, MlflowClient, MlflowException, Run, is_refusal
from search.trials import SearchInfo


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


def experiment_of(client: MlflowClient, study: str, artifacts: Path | None) -> str:
    """The id of a study's experiment, which is made or restored if need be.

    Args:
        client: of MLflow.
        study: its name.
        artifacts: folder for artifacts; None leaves that to the server.
    """
    found = client.get_experiment_by_name(study)
    if found is None:
        place = (artifacts / study).absolute().as_uri() if artifacts else None
        return str(client.create_experiment(study, place))
    if found.lifecycle_stage == LifecycleStage.DELETED:
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def parent_of(client: MlflowClient, info: SearchInfo, experiment_id: str) -> Mirror:
    """The search's own run: the one there is, even if it was deleted, or one yet to be made."""
    parent = Mirror(client, search_run(info, experiment_id), search_tags(info))
    found = _known(client, info, experiment_id)
    if found is not None and is_deleted(found):
        client.restore_run(found.info.run_id)
        found = client.get_run(found.info.run_id)
    if found is not None:
        parent.adopt(found)
    return parent


def _known(client: MlflowClient, info: SearchInfo, experiment_id: str) -> Run | None:
    """The run that the search remembers, else one that it never heard of, made for it."""
    if info.run_id is not None:
        try:
            return client.get_run(info.run_id)
        except MlflowException as error:
            if not is_refusal(error):
                raise
    made = search(client, experiment_id, f"tags.search_uid = '{info.uid}'")
    return next((run for run in made if PARENT not in run.data.tags), None)
