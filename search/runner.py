"""The door to Ray: trials in reused actors, scheduled by Tune over whatever there is.

Ray's own state is disposable: the search lives in its storage (`search.trials`).
"""

from __future__ import annotations

import dataclasses
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
os.environ.setdefault("TUNE_WARN_THRESHOLD_S", "60")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from search.errors import RequestError
from search.resources import Resources
from search.session import Session
from swast.config import TrainConfig
from swast.data import ArrayData
from swast.errors import SwastError
from swast.run import Run
from swast.training import epochs, result


@dataclass(frozen=True)
class Report:
    """What an actor says after an epoch. An object, since Tune flattens dictionaries.

    Attributes:
        epoch: the epoch's record.
        flops: the bill so far by term.
        result: `swast.TrainResult.to_dict`, after the last epoch.
    """

    epoch: dict[str, Any]
    flops: dict[str, int]
    result: dict[str, Any] | None = None


class TrialActor(tune.Trainable):  # type: ignore[misc]
    """Trains one configuration after another, an epoch a step, in one process."""

    def setup(self, config: dict[str, Any], data: ArrayData) -> None:
        """Start on the first configuration; the data set is shared by all."""
        self._data = data
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start on another configuration; nothing of the last one is left."""
        self._run = Run(TrainConfig.from_dict(new_config["config"]), self._data)
        self._epochs = epochs(self._run)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch. The last one brings the result; what fails brings the reason."""
        try:
            record = dataclasses.asdict(next(self._epochs))
            done = self._run.epoch == self._run.config.epochs
            final = result(self._run).to_dict() if done else None
            report = Report(record, self._run.ledger.to_dict(), final)
        except (SwastError, RuntimeError, MemoryError) as error:
            return {"failure": f"{type(error).__name__}: {error}", "done": True}
        return {"report": report, "done": done}


class SessionSearcher(Searcher):  # type: ignore[misc]
    """Tells a session what Tune does, and Tune what the session proposes."""

    def __init__(self, session: Session) -> None:
        super().__init__(metric="val_accuracy", mode="max")
        self._session = session
        self._numbers: dict[str, int] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """The next configuration, or the word that there is none."""
        proposal = self._session.propose()
        if proposal is None:
            finished: str = Searcher.FINISHED
            return finished
        self._numbers[trial_id] = proposal.number
        return {"config": proposal.config.to_dict()}

    def on_epoch(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Pass on an epoch; returns whether the trial goes on."""
        report = result.get("report")
        if report is None:
            return True
        return self._session.on_epoch(self._numbers[trial_id], report.epoch, report.flops)

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Nothing: `SessionScheduler` has passed it on."""

    def on_trial_complete(
        self,
        trial_id: str,
        result: Mapping[str, Any] | None = None,
        error: bool = False,
    ) -> None:
        """Pass on how a trial ended; Tune hands over its last epoch here alone."""
        found = result or {}
        report = found.get("report")
        final = None if report is None else report.result
        if final is not None:
            self.on_epoch(trial_id, found)
        reason = found.get("failure") or ("its worker process failed" if error else None)
        self._session.on_end(self._numbers.pop(trial_id), final, reason)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes its tuner down, and a session is in the storage already."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the storage keeps the search."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the storage keeps the search."""


class SessionScheduler(FIFOScheduler):  # type: ignore[misc]
    """Stops a trial after an epoch where the session says so."""

    def __init__(self, searcher: SessionSearcher) -> None:
        super().__init__()
        self._searcher = searcher

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as the searcher."""
        return {}

    def on_trial_result(self, tune_controller: object, trial: Any, result: dict[str, Any]) -> str:  # noqa: ANN401, ARG002
        """Pass on an epoch and say what follows; the last one goes to the searcher alone."""
        goes_on = self._searcher.on_epoch(trial.trial_id, result)
        decision: str = self.CONTINUE if goes_on else self.STOP
        return decision


def run_trials(
    session: Session,
    data: ArrayData,
    resources: Resources,
    concurrent: int,
    time_budget: float | None,
) -> None:
    """Run a session's trials until its budget, or the time, is used up.

    Args:
        session: proposes trials and is told of them.
        data: the data set, put into the object store once.
        resources: what a trial uses; Ray is running already.
        concurrent: trials at a time.
        time_budget: seconds, None for no limit.
    """
    needs = {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial}
    trainable = tune.with_resources(tune.with_parameters(TrialActor, data=data), needs)
    searcher = SessionSearcher(session)
    with tempfile.TemporaryDirectory(prefix="swast-tune-") as scratch:
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=SessionScheduler(searcher),
                num_samples=session.remaining,
                max_concurrent_trials=concurrent,
                reuse_actors=True,
                time_budget_s=time_budget,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=scratch,
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(
                    checkpoint_frequency=0, checkpoint_at_end=False
                ),
            ),
        )
        tuner.fit()


def concurrency(resources: Resources) -> int:
    """Trials that run at a time on the cluster that Ray sees.

    Raises:
        RequestError: not even one fits.
    """
    total = ray.cluster_resources()
    fits = [total.get("CPU", 0) / resources.cpus_per_trial]
    if resources.gpus_per_trial:
        fits.append(total.get("GPU", 0) / resources.gpus_per_trial)
    if min(fits) < 1:
        raise RequestError(
            f"a trial needs {resources.cpus_per_trial:g} CPUs and {resources.gpus_per_trial:g} "
            f"GPUs, and there are {total.get('CPU', 0):g} and {total.get('GPU', 0):g}"
        )
    return int(min(fits))


@contextmanager
def ray_running(resources: Resources) -> Iterator[None]:
    """Ray, started here or joined at an address, quiet, and left without a trace."""
    common = {"log_to_driver": False, "logging_level": logging.ERROR}
    if resources.address:
        ray.init(address=resources.address, **common)
        try:
            yield
        finally:
            ray.shutdown()
        return
    scratch = Path(tempfile.mkdtemp(prefix="swast-ray-"))
    try:
        ray.init(
            num_gpus=resources.gpus,
            include_dashboard=False,
            _temp_dir=str(scratch),
            **common,
        )
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)
