"""The saved view of a search: MLflow's chart page with its trials alone, and what matters of them.

It is an experiment's tag in MLflow's inner format (as of 3.17), which has no API of its own. What
a newer MLflow does not understand does no harm: its page opens with its own charts.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from search.objectives import Objectives
from search.tracking.client import MlflowClient
from search.tracking.links import VIEW
from search.tracking.run_sync import PARENT
from search.trials.search_info import SearchInfo

SECTION = "search"
MOST_AXES = 8
"""Most settings side by side: more cannot be told apart on a laptop's screen."""
MOST_RUNS = 1000
"""Trials that a chart shows."""


def save_view(client: MlflowClient, info: SearchInfo, experiment_id: str, run_id: str) -> None:
    """Save a search's view under the id of its run; one that is there may be a user's by now."""
    if VIEW + run_id not in client.get_experiment(experiment_id).tags:
        created = client.get_run(run_id).info.start_time
        client.set_experiment_tag(experiment_id, VIEW + run_id, envelope(info, run_id, created))


def remove_view(client: MlflowClient, experiment_id: str, run_id: str) -> None:
    """Remove what `save_view` saved, if it is there."""
    if VIEW + run_id in client.get_experiment(experiment_id).tags:
        client.delete_experiment_tag(experiment_id, VIEW + run_id)


def envelope(info: SearchInfo, run_id: str, created: int) -> str:
    """A view as MLflow keeps it.

    Args:
        info: what the search is.
        run_id: of its run.
        created: when, in milliseconds since 1970.
    """
    packed = base64.b64encode(zlib.compress(json.dumps(state(info, run_id)).encode())).decode()
    return json.dumps(
        {
            "name": info.name,
            "createdAt": created,
            "updatedAt": created,
            "state": f"deflate;{packed}",
        }
    )


def state(info: SearchInfo, run_id: str) -> dict[str, Any]:
    """The filter, columns and charts of a search's view, in MLflow's words."""
    settings = list(info.study.space.paths)
    score, cost = info.objectives.score, info.objectives.cost
    axes = {
        "selectedParams": settings[:MOST_AXES],
        "selectedMetrics": [cost.log_metric, score.metric],
    }
    metrics = (score.metric, cost.metric, cost.log_metric, "seconds")
    return {
        "searchFilter": f"tags.`{PARENT}` = '{run_id}'",
        # The page loads a hundred runs: those on the front, and then those behind it.
        "orderByKey": column("tags", "rank"),
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [
            *(column("tags", name) for name in ("state", "rank", "pareto")),
            *(column("metrics", name) for name in metrics),
            *(column("params", name) for name in settings),
        ],
        "columnOrder": [],
        "columnWidths": {},
        "runsHiddenMode": "SHOW_ALL",
        "compareRunSections": [_section(SECTION, info.name)],
        "compareRunCharts": [
            _chart("SCATTER", **_scatter(info.objectives)),
            _chart("PARALLEL", **axes),
        ],
        "hideEmptyCharts": True,
        "useGroupedValuesInCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": False,
        "globalLineChartConfig": {
            "xAxisKey": "step",
            "lineSmoothness": 0,
            "selectedXAxisMetricKey": "",
        },
    }


def column(kind: str, name: str) -> str:
    """What MLflow calls a column."""
    return f"{kind}.`{name}`"


def _section(key: str, name: str) -> dict[str, Any]:
    """A group of charts, open, one below the other: there is not the width for two."""
    flags = {"display": True, "isReordered": False, "deleted": False, "isGenerated": False}
    return {"uuid": key, "name": name, "columns": 1, "cardHeight": 340} | flags


def _chart(kind: str, **more: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """A chart of every trial."""
    return {
        "uuid": kind.lower(),
        "type": kind,
        "metricSectionId": SECTION,
        "runsCountToCompare": MOST_RUNS,
        "deleted": False,
        "isGenerated": False,
    } | more


def _scatter(objectives: Objectives) -> dict[str, Any]:
    """Return the axes of the front."""
    return {
        "xaxis": {"key": objectives.cost.log_metric, "type": "METRIC"},
        "yaxis": {"key": objectives.score.metric, "type": "METRIC"},
    }
