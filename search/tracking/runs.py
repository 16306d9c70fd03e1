"""Queries for runs in MLflow, and their metrics in its terms."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from search.tracking.client import MLFLOW_PARENT_RUN_ID as PARENT
from search.tracking.client import Metric, MlflowClient, Run, ViewType

ROOT = "search_run"
"""Tag of a further training's run, which hangs under the first one's: the search's run."""
PAGE = 250
"""Runs in one answer: few enough for a busy server to send within a call's few seconds."""


def children(
    client: MlflowClient,
    experiment_id: str,
    parent: str,
    trial: str = "",
    *,
    further: bool = True,
) -> list[Run]:
    """Return the runs of a search's trials, or of one trial, with deleted ones, oldest first.

    Args:
        client: MLflow's client.
        experiment_id: experiment of the runs.
        parent: the search's run.
        trial: number of the trial; all trials if it is empty.
        further: include runs of further trainings, which hang under another trial's run.
    """
    rest = f" AND tags.trial = '{trial}'" if trial else ""
    found = {
        run.info.run_id: run
        for tag in ((PARENT, ROOT) if further else (PARENT,))
        for run in find_runs(client, experiment_id, f"tags.`{tag}` = '{parent}'{rest}")
    }
    return in_order(found.values())


def find_runs(client: MlflowClient, experiment_id: str, wanted: str) -> list[Run]:
    """Return the runs of an experiment that pass a filter, with deleted ones, oldest first."""
    found: list[Run] = []
    token: str | None = None
    while token is None or token:
        page = client.search_runs([experiment_id], wanted, ViewType.ALL, PAGE, page_token=token)
        found, token = [*found, *page], page.token or ""
    return in_order(found)


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Return runs, the oldest first."""
    return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))


def metrics(values: Mapping[str, float], step: int) -> list[Metric]:
    """Return values as MLflow's metrics with the current time; sent twice, they count once."""
    now = int(time.time() * 1000)
    return [Metric(name, float(value), now, step) for name, value in values.items()]
