"""Synchronisation of one run: its target state, its state in MLflow, and the calls in between.

Every call is idempotent: after an outage, or in another driver, `RunSync.sync` resumes. A run is
opened first and closed last, so a closed or paused run is complete.
"""

from __future__ import annotations

import math
import shutil
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
    dataset,
    is_refusal,
    local_file_uri_to_path,
)
from search.tracking.faults import NO_MLFLOW
from search.tracking.runs import ROOT, children, metrics
from search.tracking.texts import Texts
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
"""Fields of an epoch's record that become metrics."""
COUNTED = "val_accuracy"
"""Metric whose last step is the number of epochs in MLflow."""
UNSENT = "unsent"
"""Tag with the names of the run's text artifacts that MLflow has not taken yet."""
TEMPORARY = {"reason", "rung", "rank", "pareto", "candidate", UNSENT}
"""Tags that are removed from a run when they no longer apply."""
MOST_METRICS, MOST_TAG = 900, 8000
"""The most metrics in one call, with room for tags, and the most characters of a tag."""


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """Constant part of a run.

    Attributes:
        experiment_id: the run's experiment.
        name: the run's name.
        params: parameters.
        texts: small text artifacts, by file name.
        data: name of the data set, if the run is a training.
    """

    experiment_id: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None


class RunSync:
    """Synchroniser of one run. Only `sync`, `send_texts` and `upload` change MLflow.

    If a text artifact fails in `sync`, the rest is sent, with the tag `UNSENT`.

    Attributes:
        tags: target tags.
        status: target status: ``RUNNING``, ``SCHEDULED`` or one of `CLOSED`.
        run_id: None until MLflow has created the run.
        deleted: whether a user deleted the run; then nothing more is sent.
        values: latest value of each metric that belongs to no epoch, sent or not.
        texts: its text artifacts.
    """

    def __init__(self, client: MlflowClient, fixed: Fixed, tags: Mapping[str, str]) -> None:
        self._client, self._fixed = client, fixed
        self.tags, self.status = dict(tags), "RUNNING"
        self.run_id: str | None = None
        self.deleted = False
        self.values: dict[str, float] = {}
        self.texts = Texts(fixed.texts)
        self._place = ""
        self._status = ""
        self._tags: dict[str, str] = {}
        self._params: set[str] = set()
        self._sent: int | None = 0  # the last epoch in MLflow; None: unknown
        self._epochs: dict[int, list[Metric]] = {}
        self._metrics: list[Metric] = []
        self._asked = self._prepared = self._has_data = False

    @property
    def experiment_id(self) -> str:
        """Experiment of the run."""
        return self._fixed.experiment_id

    def adopt(self, run: Run) -> None:
        """Take an existing run's state in MLflow as the current state.

        Raises:
            MlflowException: the run has no id; something else than MLflow made this answer.
        """
        if not run.info.run_id:
            raise MlflowException(NO_MLFLOW)
        self.run_id, self._place = run.info.run_id, run.info.artifact_uri
        self.deleted = run.info.lifecycle_stage == LifecycleStage.DELETED
        self._status, self._tags = run.info.status, dict(run.data.tags)
        self._params, self.values = set(run.data.params), dict(run.data.metrics)
        self._has_data = bool(run.inputs and run.inputs.dataset_inputs)
        self._prepared = self._status in CLOSED or self._status == "SCHEDULED"
        if self._prepared:
            self.texts.unsent &= set(self._tags.get(UNSENT, "").split(", "))
        self._sent = None if COUNTED in self.values else 0

    def restore(self) -> None:
        """Restore a run that a user deleted, and send the constant part again."""
        if self.deleted:
            self._client.restore_run(self.run_id)
            self.deleted = False
        self._prepared, self.texts = False, Texts(self._fixed.texts)

    def add_epochs(self, epochs: Iterable[EpochRecord]) -> None:
        """Queue the metrics of epochs; those in MLflow are not sent again."""
        for epoch in epochs:
            step = epoch.epoch
            if step not in self._epochs and step > (self._sent or 0):
                values = {name: getattr(epoch, name) for name in LOGGED}
                self._epochs[step] = metrics(values, step)

    def add_values(self, values: Mapping[str, float], step: int) -> None:
        """Queue values that belong to no epoch."""
        self.values.update(values)
        self._metrics += metrics(values, step)

    def correct(self, values: Mapping[str, float], step: int) -> None:
        """Queue those values that differ from the latest ones."""
        self.add_values(
            {k: v for k, v in values.items() if not _same(self.values.get(k), v)}, step
        )

    @property
    def is_behind(self) -> bool:
        """True if MLflow is not up to date."""
        is_queued = bool(self._epochs or self._metrics or self.texts.unsent) or not self._prepared
        return (
            is_queued or self._status != self.status or bool(self._changed() or self._outdated())
        )

    @property
    def has_epochs(self) -> bool:
        """True if any epoch is in MLflow or queued."""
        return self._sent != 0 or bool(self._epochs)

    def sync(self) -> None:
        """Update MLflow, idempotently; errors pass, but of texts are in ``texts.failure``."""
        if self.run_id is None:
            self._create()
        if self.status == "RUNNING":
            self._set_status()
        self._prepare()
        self._send()
        for key in self._outdated():
            self._delete_tag(key)
        self._set_status()

    def send_texts(self) -> None:
        """Send the lacking text artifacts; MLflow's errors pass through."""
        self.texts.send(self._client, str(self.run_id))

    def look_up_deleted(self) -> bool:
        """Return whether MLflow has the run, or its experiment, marked as deleted."""
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
        """Upload a file as an artifact of the run; an earlier one is replaced atomically."""
        if not self._place.startswith("file:"):
            self._client.log_artifact(self.run_id, str(path), folder)
            return
        target = Path(local_file_uri_to_path(self._place)) / folder / path.name
        for leftover in target.parent.glob(f".{path.name}.*.partial"):  # of drivers that crashed
            leftover.unlink(missing_ok=True)
        with path.open("rb") as source, replacing(target) as file:
            shutil.copyfileobj(source, file)

    def _create(self) -> None:
        """Create the run, unless an earlier try created it and its answer was lost."""
        parent = self.tags.get(ROOT) or self.tags.get(PARENT)
        if self._asked and parent:
            place, trial = self._fixed.experiment_id, self.tags["trial"]
            found = children(self._client, place, parent, trial, further=ROOT in self.tags)
            if found:
                self.adopt(found[0])
                return
        self._asked = True
        queued = self.values
        tags = {key: value[:MOST_TAG] for key, value in self.tags.items()}
        fixed = self._fixed
        self.adopt(self._client.create_run(fixed.experiment_id, run_name=fixed.name, tags=tags))
        self._tags, self.values = tags, queued

    def _prepare(self) -> None:
        """Log the constant part of the run, except parameters."""
        if not self._prepared and self._fixed.data and not self._has_data:
            self._client.log_inputs(self.run_id, [dataset(self._fixed.data)])
            self._has_data = True
        self.texts.try_once(self._client, str(self.run_id))
        if self.texts.failure and is_refusal(self.texts.failure) and self.look_up_deleted():
            raise self.texts.failure
        self._prepared = True

    def _send(self) -> None:
        """Send new data in as few calls as possible, with whole epochs in order."""
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
        """Return target tags that MLflow lacks or has with another value."""
        wanted = {key: value[:MOST_TAG] for key, value in self._wanted().items()}
        return {key: value for key, value in wanted.items() if self._tags.get(key) != value}

    def _wanted(self) -> dict[str, str]:
        """Return the target tags, with that of artifacts which failed."""
        unsent = ", ".join(sorted(self.texts.unsent)) if self._prepared else ""
        return self.tags | ({UNSENT: unsent} if unsent else {})

    def _lacking(self) -> set[str]:
        """Return the names of parameters that MLflow lacks."""
        return set(self._fixed.params) - self._params

    def _outdated(self) -> set[str]:
        """Return temporary tags in MLflow that no longer apply."""
        return (TEMPORARY & set(self._tags)) - set(self._wanted())

    def _delete_tag(self, key: str) -> None:
        try:
            self._client.delete_tag(self.run_id, key)
        except MlflowException as error:
            # An earlier call may have deleted it, and its answer was lost.
            if not is_refusal(error) or self.look_up_deleted():
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


def _same(one: float | None, other: float) -> bool:
    """Return whether two values are equal; NaN equals NaN."""
    return one == other or (one is not None and math.isnan(one) and math.isnan(other))
