"""A run as it shall be, what MLflow has of it, and the calls from the one to the other.

Every call can be made again: after an outage, or by another driver, `Mirror.bring` goes on where
it stopped. A run is opened first and closed last, so one that is closed or paused is whole.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.tracking.client import (
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    LifecycleStage,
    Metric,
    MlflowClient,
    MlflowException,
    Param,
    Run,
    RunTag,
    ViewType,
    dataset,
    is_refusal,
    local_file_uri_to_path,
)
from swast.files import replacing
from swast.result import EpochRecord

PARENT, SOURCE, NOTE = MLFLOW_PARENT_RUN_ID, MLFLOW_SOURCE_NAME, MLFLOW_RUN_NOTE
CLOSED = {"FINISHED", "KILLED", "FAILED"}
LOGGED = (
    "train_loss",
    "val_loss",
    "val_accuracy",
    "train_flops",
    "sparsity",
    "samples",
    "learning_rate",
)
"""What of an epoch's record becomes a metric."""
COUNTED = "val_accuracy"
"""The metric whose last step tells how many epochs MLflow has."""
PASSING = {"reason", "rung", "rank", "pareto"}
"""Tags that a run may have for a while."""
MOST_METRICS, MOST_TAG = 900, 8000
"""Metrics in one call, with room for tags; characters of a tag."""
PAGE = 250
"""Runs that one answer brings: a busy server has to give it within a call's few seconds."""


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """What of a run never changes.

    Attributes:
        experiment_id: its experiment.
        name: its name.
        params: its parameters.
        texts: its small text artifacts, by file name.
        data: name of the data set it trains on, if it does.
    """

    experiment_id: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None


class Mirror:
    """One run in MLflow. Nothing reaches MLflow but by `bring` and `upload`.

    Attributes:
        tags: those that it shall have.
        status: that it shall have, ``RUNNING``, ``SCHEDULED`` or one of `CLOSED`.
        run_id: None until MLflow has made it.
        gone: a user deleted it; nothing more is told of it.
        values: the latest of each metric beside those of epochs, sent or not.
    """

    def __init__(self, client: MlflowClient, fixed: Fixed, tags: Mapping[str, str]) -> None:
        self._client, self._fixed = client, fixed
        self.tags, self.status = dict(tags), "RUNNING"
        self.run_id: str | None = None
        self.gone = False
        self.values: dict[str, float] = {}
        self._place = ""
        self._status = ""
        self._tags: dict[str, str] = {}
        self._params: set[str] = set()
        self._sent: int | None = 0  # the last epoch that MLflow has; None: to be looked up
        self._epochs: dict[int, list[Metric]] = {}
        self._metrics: list[Metric] = []
        self._asked = self._prepared = self._has_data = False

    @property
    def experiment_id(self) -> str:
        """The experiment that it lies in."""
        return self._fixed.experiment_id

    def adopt(self, run: Run) -> None:
        """Take up a run that MLflow has."""
        self.run_id, self._place = run.info.run_id, run.info.artifact_uri
        self.gone = run.info.lifecycle_stage == LifecycleStage.DELETED
        self._status, self._tags = run.info.status, dict(run.data.tags)
        self._params, self.values = set(run.data.params), dict(run.data.metrics)
        self._has_data = bool(run.inputs and run.inputs.dataset_inputs)
        self._prepared = self._status in CLOSED or self._status == "SCHEDULED"
        self._sent = None if COUNTED in self.values else 0

    def add_epochs(self, epochs: Iterable[EpochRecord]) -> None:
        """Let the metrics of epochs wait; those that MLflow has are not sent again."""
        for epoch in epochs:
            step = epoch.epoch
            if step not in self._epochs and step > (self._sent or 0):
                values = {name: getattr(epoch, name) for name in LOGGED}
                self._epochs[step] = metrics(values, step)

    def add_values(self, values: Mapping[str, float], step: int) -> None:
        """Let values wait that belong to no epoch."""
        self.values.update(values)
        self._metrics += metrics(values, step)

    def correct(self, values: Mapping[str, float], step: int) -> None:
        """Let those of some values wait that differ from the latest."""
        self.add_values(
            {k: v for k, v in values.items() if not _same(self.values.get(k), v)}, step
        )

    @property
    def lacks(self) -> bool:
        """Whether MLflow is behind."""
        waits = bool(self._epochs or self._metrics) or not self._prepared
        return waits or self._status != self.status or bool(self._changed() or self._outdated())

    @property
    def has_epochs(self) -> bool:
        """Whether any epoch was told."""
        return self._sent != 0 or bool(self._epochs)

    def bring(self) -> None:
        """Bring MLflow up to date; raises what MLflow raises, and can be called again."""
        if self.run_id is None:
            self._make()
        if self.status == "RUNNING":
            self._set_status()
        self._prepare()
        self._send()
        for key in self._outdated():
            self._delete_tag(key)
        self._set_status()

    def is_deleted(self) -> bool:
        """Whether the run, or what it is to be made in, was deleted; asks MLflow."""
        try:
            if self.run_id is None:
                found = self._client.get_experiment(self._fixed.experiment_id).lifecycle_stage
            else:
                found = self._client.get_run(self.run_id).info.lifecycle_stage
        except MlflowException as error:
            if not is_refusal(error):
                raise
            return True
        return bool(found == LifecycleStage.DELETED)

    def upload(self, path: Path, folder: str) -> None:
        """Put a file among the run's artifacts, whole in place of the one before."""
        if not self._place.startswith("file:"):
            self._client.log_artifact(self.run_id, str(path), folder)
            return
        target = Path(local_file_uri_to_path(self._place)) / folder / path.name
        for leftover in target.parent.glob(f".{path.name}.*.partial"):  # of drivers that died
            leftover.unlink(missing_ok=True)
        with path.open("rb") as source, replacing(target) as file:
            shutil.copyfileobj(source, file)

    def _make(self) -> None:
        """Make the run; if that was tried before, MLflow may have made it and not said so."""
        parent = self.tags.get(PARENT)
        if self._asked and parent:
            found = children(self._client, self._fixed.experiment_id, parent, self.tags["trial"])
            if found:
                self.adopt(found[0])
                return
        self._asked = True
        waiting = self.values
        tags = {key: value[:MOST_TAG] for key, value in self.tags.items()}
        fixed = self._fixed
        self.adopt(self._client.create_run(fixed.experiment_id, run_name=fixed.name, tags=tags))
        self._tags, self.values = tags, waiting

    def _prepare(self) -> None:
        """Log what never changes."""
        if self._prepared:
            return
        if self._fixed.data and not self._has_data:
            self._client.log_inputs(self.run_id, [dataset(self._fixed.data)])
            self._has_data = True
        for name, text in self._fixed.texts.items():
            self._client.log_text(self.run_id, text, name)
        self._prepared = True

    def _send(self) -> None:
        """Send what is new, in as few calls as may be; epochs whole and in order."""
        if self._sent is None:
            history = self._client.get_metric_history(self.run_id, COUNTED)
            self._sent = max((metric.step for metric in history), default=0)
        self._epochs = {k: v for k, v in sorted(self._epochs.items()) if k > self._sent}
        while self._epochs or self._metrics or self._changed() or self._lacking():
            batch: list[Metric] = []
            params = [
                Param(name, str(self._fixed.params[name])) for name in sorted(self._lacking())
            ]
            last = self._sent
            for step, values in self._epochs.items():
                if len(batch) + len(values) > MOST_METRICS:
                    break
                batch, last = batch + values, step
            rest = self._metrics[: MOST_METRICS - len(batch)]
            final = last == max(self._epochs, default=last) and len(rest) == len(self._metrics)
            tags = self._changed() if final else {}
            sent = [RunTag(key, value) for key, value in tags.items()]
            self._client.log_batch(self.run_id, metrics=batch + rest, params=params, tags=sent)
            self._tags, self._params = self._tags | tags, set(self._fixed.params)
            self._sent, self._metrics = last, self._metrics[len(rest) :]
            self._epochs = {k: v for k, v in self._epochs.items() if k > last}

    def _changed(self) -> dict[str, str]:
        """Tags that MLflow lacks or has otherwise."""
        wanted = {key: value[:MOST_TAG] for key, value in self.tags.items()}
        return {key: value for key, value in wanted.items() if self._tags.get(key) != value}

    def _lacking(self) -> set[str]:
        """Names of what never changes that MLflow does not have."""
        return set(self._fixed.params) - self._params

    def _outdated(self) -> set[str]:
        """Tags that MLflow has and should not."""
        return (PASSING & set(self._tags)) - set(self.tags)

    def _delete_tag(self, key: str) -> None:
        try:
            self._client.delete_tag(self.run_id, key)
        except MlflowException as error:
            # It may have been deleted by a call whose answer was lost.
            if not is_refusal(error) or self.is_deleted():
                raise
        del self._tags[key]

    def _set_status(self) -> None:
        if self._status == self.status:
            return
        if self.status in CLOSED:
            self._client.set_terminated(self.run_id, self.status)
        else:
            self._client.update_run(self.run_id, status=self.status)
        self._status = self.status


def children(client: MlflowClient, experiment_id: str, parent: str, trial: str = "") -> list[Run]:
    """A parent's runs, or those of one of its trials, deleted ones too, the oldest first."""
    wanted = f"tags.`{PARENT}` = '{parent}'"
    if trial:
        wanted += f" AND tags.trial = '{trial}'"
    return find_runs(client, experiment_id, wanted)


def find_runs(client: MlflowClient, experiment_id: str, wanted: str) -> list[Run]:
    """An experiment's runs that a filter lets through, deleted ones too, the oldest first."""
    found: list[Run] = []
    token: str | None = None
    while token is None or token:
        page = client.search_runs([experiment_id], wanted, ViewType.ALL, PAGE, page_token=token)
        found, token = [*found, *page], page.token or ""
    return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))


def metrics(values: Mapping[str, float], step: int) -> list[Metric]:
    """Values as MLflow takes them, measured now; sent twice, they count once."""
    now = int(time.time() * 1000)
    return [Metric(name, float(value), now, step) for name, value in values.items()]


def _same(one: float | None, other: float) -> bool:
    """Whether a value is known already; one NaN is as good as another."""
    return one == other or (one is not None and math.isnan(one) and math.isnan(other))
