"""The door to MLflow: a view of the search in a parent run, and of each trial in a child run."""

from __future__ import annotations

import csv
import io
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import (
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
)
from sqlalchemy.exc import SQLAlchemyError

from search.errors import RequestError
from search.home import check_store, shown
from search.plots import pareto_figure, write_html, write_png
from search.records import TrialRecord, flops_spent, front_of, hypervolume_of
from search.trials import Proposal, SearchInfo
from swast.config import flatten

ENDED = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
FLUSH_SECONDS = 2.0
MOST_RUNS = 50_000
"""Most runs that MLflow returns at once."""


@dataclass
class _Buffer:
    """Metrics of a trial that wait to be sent together."""

    metrics: list[Metric] = field(default_factory=list)
    sent: float = field(default_factory=time.monotonic)


class Tracker:
    """Writes one search to MLflow.

    Args:
        uri: MLflow's tracking URI, ``sqlite:///…`` or ``http://…``.
        artifacts: folder for artifacts where the store is local.

    Raises:
        RequestError: the store cannot be used.
    """

    def __init__(self, uri: str, artifacts: Path) -> None:
        self.uri = uri
        self._artifacts = artifacts
        self._client = _client(uri)
        self._buffers: dict[str, _Buffer] = {}
        self._on_front: set[str] = set()
        self._adopted: dict[int, str] = {}

    def start_search(self, info: SearchInfo) -> tuple[str, str]:
        """Make the experiment of the study, if it is new, and the search's parent run.

        Returns:
            Their ids.
        """
        experiment = self._client.get_experiment_by_name(info.study.name)
        if experiment is None:
            location = None if self.uri.startswith("http") else self._location(info.study.name)
            experiment_id = self._client.create_experiment(info.study.name, location)
        else:
            experiment_id = experiment.experiment_id
        run = self._client.create_run(
            experiment_id,
            run_name=info.name,
            tags={
                "search": info.name,
                "study": info.study.name,
                MLFLOW_SOURCE_NAME: "swast-search",
            },
        )
        values = {"budget": info.budget, "sampler": info.sampler, "seed": info.seed}
        self._client.log_batch(run.info.run_id, params=_params(values))
        self._client.log_text(run.info.run_id, info.study.source, "study.toml")
        return experiment_id, run.info.run_id

    def start_trial(self, info: SearchInfo, proposal: Proposal) -> str:
        """Make a trial's run, under the search's, if it has none yet; returns its id."""
        if proposal.number in self._adopted:
            return self._adopted.pop(proposal.number)
        tags = {
            MLFLOW_PARENT_RUN_ID: info.run_id,
            MLFLOW_SOURCE_NAME: "swast-search",
            "search": info.name,
            "trial": str(proposal.number),
            "state": "running",
        }
        name = f"{info.name} #{proposal.number}"
        if proposal.reference:
            tags["reference"] = proposal.reference
            name += f" {proposal.reference}"
        run = self._client.create_run(info.experiment_id, run_name=name, tags=tags)
        run_id: str = run.info.run_id
        self._client.log_batch(run_id, params=_params(flatten(proposal.config.to_dict())))
        return run_id

    def log_epoch(self, run_id: str, step: int, values: Mapping[str, float]) -> None:
        """Log an epoch's metrics, together with others of the last seconds."""
        buffer = self._buffers.setdefault(run_id, _Buffer())
        buffer.metrics += _metrics(values, step)
        if time.monotonic() - buffer.sent > FLUSH_SECONDS:
            self._flush(run_id)

    def end_trial(self, record: TrialRecord) -> None:
        """Close a trial's run, with its final values."""
        run_id = record.run_id
        if run_id is None:
            return
        values = {"seconds": record.seconds or 0.0}
        if record.state == "complete":
            values["relative_flops"] = record.relative_flops or 0.0
            values["log10_train_flops"] = math.log10(record.train_flops or 1)
        self._buffers.setdefault(run_id, _Buffer()).metrics += _metrics(values, record.epochs)
        self._flush(run_id)
        del self._buffers[run_id]
        tags = {"state": record.state} | ({"reason": record.reason} if record.reason else {})
        if record.stopped_at is not None:
            tags["rung"] = f"epoch {record.stopped_at}"
        self._client.log_batch(run_id, tags=[RunTag(key, text) for key, text in tags.items()])
        self._client.set_terminated(run_id, ENDED[record.state])

    def publish_front(self, info: SearchInfo, trials: Sequence[TrialRecord], folder: Path) -> None:
        """Bring the front up to date: plots, table and metrics of the parent, members' tags."""
        members = front_of(trials)
        done = sum(trial.state == "complete" for trial in trials)
        values = {
            "hypervolume": hypervolume_of(trials),
            "front_size": len(members),
            "flops_spent": flops_spent(trials),
        }
        self._client.log_batch(
            info.run_id,
            metrics=_metrics(values, done),
            tags=[RunTag(MLFLOW_RUN_NOTE, describe(info, members))],
        )
        self._tag_front({trial.run_id for trial in members if trial.run_id})
        folder.mkdir(parents=True, exist_ok=True)
        title = f"{info.name}: accuracy against training FLOPs"
        write_html(pareto_figure(trials, title), folder / "pareto.html")
        write_png(trials, title, folder / "pareto.png")
        (folder / "front.csv").write_text(front_table(members))
        for name in ("pareto.html", "pareto.png", "front.csv"):
            self._client.log_artifact(info.run_id, str(folder / name), "plots")

    def reopen_search(self, run_id: str, trials: Sequence[TrialRecord]) -> None:
        """Take up the runs of a search whose driver may have died between any two calls.

        The parent run shows as running again. Runs of trials that ended are closed if they were
        not, and one that no trial knows of yet is kept for the trial whose number it bears.

        Args:
            run_id: the parent run.
            trials: of the search, as its storage has them.
        """
        self._client.update_run(run_id, status="RUNNING")
        children = self._client.search_runs(
            [self._client.get_run(run_id).info.experiment_id],
            f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'",
            max_results=MOST_RUNS,
        )
        known = {trial.run_id: trial for trial in trials if trial.run_id}
        for run in children:
            child, tags = run.info.run_id, run.data.tags
            if tags.get("pareto") == "true":
                self._on_front.add(child)
            if child not in known:
                self._adopted[int(tags["trial"])] = child
            elif run.info.status == "RUNNING" and known[child].state in ENDED:
                self.end_trial(known[child])

    def end_search(self, run_id: str, *, failed: bool) -> None:
        """Close the parent run."""
        self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    def _location(self, study: str) -> str:
        """Where artifacts of a study's experiment go in a local store."""
        return (self._artifacts / study).absolute().as_uri()

    def _flush(self, run_id: str) -> None:
        buffer = self._buffers[run_id]
        for start in range(0, len(buffer.metrics), 1000):
            self._client.log_batch(run_id, metrics=buffer.metrics[start : start + 1000])
        self._buffers[run_id] = _Buffer()

    def _tag_front(self, run_ids: set[str]) -> None:
        for run_id in run_ids - self._on_front:
            self._client.set_tag(run_id, "pareto", "true")
        for run_id in self._on_front - run_ids:
            self._client.delete_tag(run_id, "pareto")
        self._on_front = run_ids


def describe(info: SearchInfo, members: Sequence[TrialRecord]) -> str:
    """The parent run's description: the search in a few lines of Markdown."""
    rows = [
        f"| {trial.label} | {trial.accuracy:.2%} | {trial.relative_flops:.4f} "
        f"| {trial.train_flops:.3g} |"
        for trial in members
    ]
    return "\n".join(
        [
            f"Search **{info.name}** of study **{info.study.name}**, {info.budget} trials, "
            f"sampler {info.sampler}.",
            "",
            "| on the front | accuracy | FLOPs / dense | training FLOPs |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Take one home: `swast-search export {info.name} --pick knee --out best`",
        ]
    )


def front_table(members: Sequence[TrialRecord]) -> str:
    """The front as CSV: objectives and searched settings."""
    names = sorted({name for trial in members for name in trial.params})
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["trial", "reference", "val_accuracy", "train_flops", "relative_flops", *names]
    )
    for trial in members:
        writer.writerow(
            [
                trial.number,
                trial.reference or "",
                trial.accuracy,
                trial.train_flops,
                trial.relative_flops,
                *(trial.params.get(name, "") for name in names),
            ]
        )
    return out.getvalue()


def _client(uri: str) -> MlflowClient:
    check_store("the MLflow store", uri, new=True)
    try:
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        cause = str(error).splitlines()[0]
        raise RequestError(f"the MLflow store {shown(uri)} cannot be used: {cause}") from None
    return client


def _metrics(values: Mapping[str, float], step: int) -> list[Metric]:
    now = int(time.time() * 1000)
    return [Metric(name, float(value), now, step) for name, value in values.items()]


def _params(values: Mapping[str, Any]) -> list[Param]:
    return [Param(name, str(value)) for name, value in values.items()]
