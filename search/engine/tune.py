"""Jobs in reused actors, scheduled by Ray Tune over the available machines.

Ray's own state is disposable: Optuna's storage keeps the search. `search.engine.cluster` starts or
joins Ray.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ray import tune
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from search.engine.cluster import alive, loss
from search.engine.jobs import Failure, FailureKind, Outcome, Report, Work
from search.engine.quiet import quiet_tune
from search.engine.resources import Resources
from search.engine.scratch import scratch_folder
from search.engine.signals import pausing
from search.engine.worker import Worker
from swast.data import ArrayData

Answer = TypeVar("Answer")


class JobActor(tune.Trainable):  # type: ignore[misc]
    """Worker in a process of its own."""

    def setup(
        self, config: dict[str, Any], data: ArrayData, memory: float, warmups: Path | None
    ) -> None:
        """Start the first job; all jobs share the data set."""
        self._worker = Worker(data, memory, warmups)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another job."""
        self._worker.start(new_config["job"])
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch. The report is an object because Tune flattens dictionaries."""
        report = self._worker.step()
        return {"report": report, "done": isinstance(report, Failure) or report.result is not None}

    def cleanup(self) -> None:
        """Leave the job before the process ends."""
        self._worker.leave()


class WorkSearcher(Searcher):  # type: ignore[misc]
    """Adapter from the work to Tune's searcher.

    Tune swallows exceptions raised here. So an error of the work is stored in ``broken``, and
    everything stops (see `WorkStopper`).
    """

    def __init__(self, work: Work) -> None:
        super().__init__(metric="score", mode="max")
        self._work = work
        self._numbers: dict[str, int] = {}
        self._errors: dict[str, Failure] = {}
        self._is_awaited = False
        self.broken: Exception | None = None

    def _guarded(self, call: Callable[[], Answer], otherwise: Answer) -> Answer:
        """Return the work's answer, or another value if the work is broken."""
        if self.broken is None:
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - it is raised when Tune has stopped
                self.broken = error
        return otherwise

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next job, None if there is none now, or Tune's word for no more jobs."""
        self._is_awaited = False
        job = self._guarded(self._work.propose, None)
        if job is not None:
            self._numbers[trial_id] = job.number
            return {"job": job}
        finished: str = Searcher.FINISHED
        return finished if self.broken or self._work.over else None

    def on_report(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Pass on an epoch; return whether the job continues."""
        report = result.get("report")
        if not isinstance(report, Report):
            return True
        number = self._numbers[trial_id]
        return self._guarded(partial(self._work.on_report, number, report), False)

    def on_error(self, trial_id: str, error: object) -> None:
        """Store why a job's process died until Tune reports the end of the job."""
        self._errors[trial_id] = failure(error)

    def rest(self) -> None:
        """Let the work do what can wait, unless a free worker needs a job first."""
        if not self._is_awaited:
            self._guarded(self._work.rest, None)
        self._is_awaited = False

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Do nothing: `WorkScheduler` has passed it on."""

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass on the end of a job; Tune reports its last epoch only here.

        A job whose process died with Ray itself has not ended: a resumed search continues it.
        """
        if error and loss() is not None:
            return
        report = (result or {}).get("report")
        outcome: Outcome = None
        if error:
            outcome = self._errors.pop(trial_id, None) or failure(None)
        elif isinstance(report, Failure):
            outcome = report
        elif isinstance(report, Report) and report.result is not None:
            self.on_report(trial_id, result or {})
            outcome = report.result
        number, self._is_awaited = self._numbers.pop(trial_id), True
        self._guarded(partial(self._work.on_end, number, outcome), None)

    def __getstate__(self) -> dict[str, Any]:
        """Save nothing: Tune pickles its tuner, and the storage keeps the search."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the storage keeps the search."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the storage keeps the search."""


class WorkCallback(tune.Callback):  # type: ignore[misc]
    """Callback that lets the work do what can wait, at least every tenth of a second."""

    def __init__(self, searcher: WorkSearcher) -> None:
        self._searcher = searcher

    def on_step_end(self, iteration: int, trials: list[Any], **_: Any) -> None:  # noqa: ANN401, ARG002
        """Use the pause after Tune has started jobs and passed on reports."""
        self._searcher.rest()

    def __getstate__(self) -> dict[str, Any]:
        """Save nothing, like the searcher."""
        return {}


class WorkStopper(tune.Stopper):  # type: ignore[misc]
    """Stopper of everything once the work is broken."""

    def __init__(self, searcher: WorkSearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002
        """Never stop a single job."""
        return False

    def stop_all(self) -> bool:
        """Return whether the work is broken."""
        return self._searcher.broken is not None

    def __getstate__(self) -> dict[str, Any]:
        """Save nothing, like the searcher."""
        return {}


class WorkScheduler(FIFOScheduler):  # type: ignore[misc]
    """Scheduler that stops a job after an epoch when the work decides so."""

    def __init__(self, searcher: WorkSearcher) -> None:
        super().__init__()
        self._searcher = searcher

    def __getstate__(self) -> dict[str, Any]:
        """Save nothing, like the searcher."""
        return {}

    def on_trial_result(self, tune_controller: object, trial: Any, result: dict[str, Any]) -> str:  # noqa: ANN401, ARG002
        """Pass on an epoch and return the decision; the last epoch reaches only the searcher."""
        continues = self._searcher.on_report(trial.trial_id, result)
        decision: str = self.CONTINUE if continues else self.STOP
        return decision

    def on_trial_error(self, tune_controller: object, trial: Any) -> None:  # noqa: ANN401, ARG002
        """Pass on why a job's process died."""
        self._searcher.on_error(trial.trial_id, trial.get_error())


def failure(error: object) -> Failure:
    """Return the failure of a job whose worker process died with an error of Ray."""
    if isinstance(error, OutOfMemoryError):
        reason = "out of memory: Ray ended its worker process to save the machine"
        return Failure(FailureKind.OUT_OF_MEMORY, reason)
    if error is None or isinstance(error, RayActorError):
        return Failure(FailureKind.WORKER_LOST, "its worker process died")
    reason = f"its worker process failed: {str(error).strip().splitlines()[-1]}"
    return Failure(FailureKind.WORKER_LOST, reason)


@dataclass(frozen=True)
class Workers:
    """Worker processes on a Ray that is running.

    Attributes:
        data: the data set of all jobs, put into the object store once.
        resources: CPUs, GPUs and memory of a job.
        concurrent: jobs at a time.
        warmups: folder of the warm-ups that jobs share; None if each trains its own.
    """

    data: ArrayData
    resources: Resources
    concurrent: int
    warmups: Path | None = None

    def run(self, work: Work, seconds: float = math.inf) -> None:
        """Run jobs until there are no more, or the time is up.

        The first interrupt (Ctrl-C) pauses the work; a second one, or a termination, raises.

        Args:
            work: proposes jobs and receives their reports.
            seconds: time limit; infinite for none.

        Raises:
            KeyboardInterrupt: a second Ctrl-C arrived.
            SearchFailedError: the work lost its storage.
            RayLostError: Ray ended below the work.
        """
        if work.over:
            return
        memory = self.resources.memory_per_trial
        trainable = tune.with_parameters(
            JobActor, data=self.data, memory=memory, warmups=self.warmups
        )
        needs = {"cpu": self.resources.cpus_per_trial, "gpu": self.resources.gpus_per_trial}
        searcher = WorkSearcher(work)
        with scratch_folder() as folder, quiet_tune(), alive(), pausing(work):
            tune.Tuner(
                tune.with_resources(trainable, needs),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    scheduler=WorkScheduler(searcher),
                    num_samples=-1,
                    max_concurrent_trials=self.concurrent,
                    reuse_actors=True,
                    time_budget_s=seconds if seconds < math.inf else None,
                ),
                run_config=tune.RunConfig(
                    name="search",
                    storage_path=str(folder),
                    verbose=0,
                    stop=WorkStopper(searcher),
                    callbacks=[WorkCallback(searcher)],
                    checkpoint_config=tune.CheckpointConfig(
                        checkpoint_frequency=0, checkpoint_at_end=False
                    ),
                ),
            ).fit()
        if searcher.broken is not None:
            raise searcher.broken
