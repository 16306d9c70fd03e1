"""Deletion of a search from MLflow."""

from __future__ import annotations

from search.tracking.client import UNUSABLE, is_refusal, open_store, unusable
from search.tracking.model_registry import unregister
from search.tracking.reconcile import is_deleted
from search.tracking.run_sync import SOURCE
from search.tracking.runs import children
from search.tracking.saved_view import remove_view
from search.tracking.tags import TOOL
from search.trials.search_info import Tracked


def remove_search(uri: str, info: Tracked) -> int:
    """Delete the runs of a search and its trials, its view and registered networks.

    They disappear from every view; `mlflow gc` removes them from the store. A run that another
    program put below the search's run stays.

    Returns:
        The number of deleted runs.

    Raises:
        RequestError: the store cannot be used.
    """
    if info.run_id is None or info.experiment_id is None:
        return 0
    client = open_store(uri)
    try:
        found = children(client, info.experiment_id, info.run_id)
        runs = [run for run in found if run.data.tags.get(SOURCE, TOOL) == TOOL]
        left = [run.info.run_id for run in runs if not is_deleted(run)]
        remove_view(client, info.experiment_id, info.run_id)
        unregister(client, info.name, {run.info.run_id for run in runs})
        for run_id in [*left, info.run_id]:
            client.delete_run(run_id)
    except UNUSABLE as error:
        if is_refusal(error):
            return 0  # the parent run no longer exists
        raise unusable(uri, error) from None
    return len(left) + 1
