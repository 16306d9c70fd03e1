"""Links to a search in MLflow's pages, relative to the server's address and a slash."""

from __future__ import annotations

TRAINING = "?workflowType=machine_learning"
"""Parameter without which a page opens in the mode for language models."""
PLOT = "plots/pareto.html"
"""The front among the artifacts of a search's run."""
VIEW = "mlflow.sharedViewState."
"""Prefix of the experiment's tag that holds a view; the id of the search's run follows."""
TESTED = ("3.17",)
"""Versions of MLflow that are known to open the saved view."""


def run_page(experiment_id: str, run_id: str, artifact: str = "") -> str:
    """Return the link to the page of a run, or of one of its artifacts."""
    path = f"/artifacts/{artifact}" if artifact else ""
    return f"#/experiments/{experiment_id}/runs/{run_id}{path}{TRAINING}"


def chart_page(experiment_id: str, run_id: str) -> str:
    """Return the link to the charts of a search's trials: the view saved for its run."""
    view = f"{TRAINING}&viewStateShareKey={run_id}&compareRunsMode=CHART"
    return f"#/experiments/{experiment_id}/runs{view}"


def opens_views(version: str) -> bool:
    """Return whether a version of MLflow is known to open the saved view."""
    return version.rsplit(".", 1)[0] in TESTED
