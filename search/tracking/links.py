"""Where a search is found in MLflow's pages: what follows a server's address and a slash."""

from __future__ import annotations

TRAINING = "?workflowType=machine_learning"
"""Without it a page opens in the mode for language models."""
PLOT = "plots/pareto.html"
"""The front among the artifacts of a search's run."""
VIEW = "mlflow.sharedViewState."
"""Leads the tag of an experiment that keeps a view; the id of the search's run follows."""
TESTED = ("3.17",)
"""Versions of MLflow in which the saved view is known to open."""


def run_page(experiment_id: str, run_id: str, artifact: str = "") -> str:
    """The page of a run, or of one of its artifacts."""
    path = f"/artifacts/{artifact}" if artifact else ""
    return f"#/experiments/{experiment_id}/runs/{run_id}{path}{TRAINING}"


def chart_page(experiment_id: str, run_id: str) -> str:
    """The charts of a search's trials: the view saved under the id of its run."""
    view = f"{TRAINING}&viewStateShareKey={run_id}&compareRunsMode=CHART"
    return f"#/experiments/{experiment_id}/runs{view}"


def opens_views(version: str) -> bool:
    """Whether an MLflow of some version is known to open the saved view."""
    return version.rsplit(".", 1)[0] in TESTED
