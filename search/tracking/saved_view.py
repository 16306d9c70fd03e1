"""Saved view of a search: MLflow's chart page with its trials alone and the main columns.

The view is a tag of the experiment in MLflow's internal format (as of 3.17), which has no API. A
newer MLflow that does not understand the tag opens its default charts.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from search.objectives import Cost, Objectives
from search.tracking.client import MlflowClient
from search.tracking.links import VIEW
from search.tracking.run_sync import PARENT
from search.trials.search_info import SearchInfo

SECTION = "search"
MOST_AXES = 8
"""The most settings side by side that are readable on a laptop's screen."""
MOST_RUNS = 1000
"""The most trials in a chart."""


def save_view(client: MlflowClient, info: SearchInfo, experiment_id: str, run_id: str) -> None:
    """Save a search's view under the id of its run; keep one that exists, as a user may own it."""
    if VIEW + run_id not in client.get_experiment(experiment_id).tags:
        created = client.get_run(run_id).info.start_time
        client.set_experiment_tag(experiment_id, VIEW + run_id, envelope(info, run_id, created))


def remove_view(client: MlflowClient, experiment_id: str, run_id: str) -> None:
    """Remove a saved view, if it exists."""
    if VIEW + run_id in client.get_experiment(experiment_id).tags:
        client.delete_experiment_tag(experiment_id, VIEW + run_id)


def envelope(info: SearchInfo, run_id: str, created: int) -> str:
    """Return a view in MLflow's format.

    Args:
        info: the search.
        run_id: its run.
        created: time of creation in milliseconds since 1970.
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
    """Return the filter, columns and charts of a search's view, in MLflow's terms."""
    settings = list(info.study.space.paths)
    score, cost = info.objectives.score, info.objectives.cost
    axes = {
        "selectedParams": settings[:MOST_AXES],
        "selectedMetrics": [axis_metric(cost), score.metric],
    }
    metrics = dict.fromkeys([score.metric, cost.metric, axis_metric(cost), "seconds"])
    return {
        "searchFilter": f"tags.`{PARENT}` = '{run_id}'",
        # The page loads a hundred runs: the front first, and then the next ranks.
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


def axis_metric(cost: Cost) -> str:
    """Return the metric on the cost's axis: the log10 for an axis that is logarithmic."""
    return cost.log_metric if cost.log else cost.metric


def column(kind: str, name: str) -> str:
    """Return MLflow's name of a column."""
    return f"{kind}.`{name}`"


def _section(key: str, name: str) -> dict[str, Any]:
    """Return an open group of charts in one column, as two columns would be too narrow."""
    flags = {"display": True, "isReordered": False, "deleted": False, "isGenerated": False}
    return {"uuid": key, "name": name, "columns": 1, "cardHeight": 340} | flags


def _chart(kind: str, **more: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Return a chart of every trial."""
    return {
        "uuid": kind.lower(),
        "type": kind,
        "metricSectionId": SECTION,
        "runsCountToCompare": MOST_RUNS,
        "deleted": False,
        "isGenerated": False,
    } | more


def _scatter(objectives: Objectives) -> dict[str, Any]:
    """Return the axes of the scatter plot: cost and score."""
    return {
        "xaxis": {"key": axis_metric(objectives.cost), "type": "METRIC"},
        "yaxis": {"key": objectives.score.metric, "type": "METRIC"},
    }
