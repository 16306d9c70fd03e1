"""Jobs in reused actors, scheduled by Ray Tune over whatever there is.

Ray's own state is disposable: the search lives in its storage (`search.trials`). Ray is started or
joined by `search.cluster`, which is imported first: it says how quiet Ray shall be.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ray import tune
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.execution import class_cache
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from search.resources import Resources
from search.scratch import scratch_folder
from search.work import Failure, Report, Work
from search.worker import Worker
from swast.data import ArrayData

Answer = TypeVar("Answer")
logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the search tells what failed
# Tune gives actors variables of their own, which nothing here reads. For such actors Ray does not
# take the workers that it has ready (see `search.cluster`), and starts others.
class_cache.DEFAULT_ENV_VARS = {}
class_cache.ENV_VARS_TO_PROPAGATE = set()


class JobActor(tune.Trainable):  # type: ignore[misc]
    """A worker in a process of its own."""

    def setup(
        self, config: dict[str, Any], data: ArrayData, memory: float | None, warmups: Path | None
    ) -> None:
        """Start on the first job; the data set is shared by all."""
        self._worker = Worker(data, memory, warmups)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start on another job."""
        self._worker.start(new_config["job"])
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch. The report is an object, since Tune flattens dictionaries."""
        report = self._worker.step()
        return {"report": report, "done": isinstance(report, Failure) or report.result is not None}

    def cleanup(self) -> None:
        """Leave the job, when the process is to end."""
        self._worker.leave()


class WorkSearcher(Searcher):  # type: ignore[misc]
    """Tells the work what Tune does, and Tune what the work proposes.

    Tune hides or swallows what is raised here, so an error of the work is kept in ``broken``, and
    everything stops (see `WorkStopper`).
    """

    def __init__(self, work: Work) -> None:
        super().__init__(metric="val_accuracy", mode="max")
        self._work = work
        self._numbers: dict[str, int] = {}
        self._errors: dict[str, str] = {}
        self._is_awaited = False
        self.broken: Exception | None = None

    def _guarded(self, call: Callable[[], Answer], otherwise: Answer) -> Answer:
        """What the work answers, or something else if it is broken."""
        if self.broken is None:
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - it is raised when Tune has stopped
                self.broken = error
        return otherwise

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next job, None if there is none now, or the word that there will be no more."""
        self._is_awaited = False
        job = self._guarded(self._work.propose, None)
        if job is not None:
            self._numbers[trial_id] = job.number
            return {"job": job}
        finished: str = Searcher.FINISHED
        return finished if self.broken or self._work.over else None

    def on_report(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Pass on an epoch; returns whether the job goes on."""
        report = result.get("report")
        if not isinstance(report, Report):
            return True
        number = self._numbers[trial_id]
        return self._guarded(partial(self._work.on_report, number, report), False)

    def on_error(self, trial_id: str, error: object) -> None:
        """Keep why a job's process died until Tune says that the job has ended."""
        self._errors[trial_id] = describe(error)

    def rest(self) -> None:
        """Let the work do what can wait, unless a free worker is to get its next job first."""
        if not self._is_awaited:
            self._guarded(self._work.rest, None)
        self._is_awaited = False

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Nothing: `WorkScheduler` has passed it on."""

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass on how a job ended; Tune hands over its last epoch here alone."""
        report = (result or {}).get("report")
        outcome: Mapping[str, Any] | Failure | None = None
        if error:
            outcome = Failure(self._errors.pop(trial_id, describe(None)))
        elif isinstance(report, Failure):
            outcome = report
        elif isinstance(report, Report) and report.result is not None:
            self.on_report(trial_id, result or {})
            outcome = report.result
        number, self._is_awaited = self._numbers.pop(trial_id), True
        self._guarded(partial(self._work.on_end, number, outcome), None)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes its tuner down, and a search is in the storage already."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the storage keeps the search."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the storage keeps the search."""


class WorkCallback(tune.Callback):  # type: ignore[misc]
    """Lets the work do what can wait between Tune's steps, at least every tenth of a second."""

    def __init__(self, searcher: WorkSearcher) -> None:
        self._searcher = searcher

    def on_step_end(self, iteration: int, trials: list[Any], **_: Any) -> None:  # noqa: ANN401, ARG002
        """Tune has started what there was to start, and passed on what it has heard."""
        self._searcher.rest()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as the searcher."""
        return {}


class WorkStopper(tune.Stopper):  # type: ignore[misc]
    """Stops everything once the work is broken."""

    def __init__(self, searcher: WorkSearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002
        """Never for one job."""
        return False

    def stop_all(self) -> bool:
        """Whether the work is broken."""
        return self._searcher.broken is not None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as the searcher."""
        return {}


class WorkScheduler(FIFOScheduler):  # type: ignore[misc]
    """Stops a job after an epoch where the work says so."""

    def __init__(self, searcher: WorkSearcher) -> None:
        super().__init__()
        self._searcher = searcher

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as the searcher."""
        return {}

    def on_trial_result(self, tune_controller: object, trial: Any, result: dict[str, Any]) -> str:  # noqa: ANN401, ARG002
        """Pass on an epoch and say what follows; the last one goes to the searcher alone."""
        goes_on = self._searcher.on_report(trial.trial_id, result)
        decision: str = self.CONTINUE if goes_on else self.STOP
        return decision

    def on_trial_error(self, tune_controller: object, trial: Any) -> None:  # noqa: ANN401, ARG002
        """Pass on why a job's process died."""
        self._searcher.on_error(trial.trial_id, trial.get_error())


def describe(error: object) -> str:
    """Why a worker's process died, in one line."""
    if isinstance(error, OutOfMemoryError):
        return "out of memory: Ray ended its worker process to save the machine"
    if error is None or isinstance(error, RayActorError):
        return "its worker process died"
    return f"its worker process failed: {str(error).strip().splitlines()[-1]}"


@dataclass(frozen=True)
class Workers:
    """Worker processes on a Ray that is running.

    Attributes:
        data: the data set of all jobs, put into the object store once.
        resources: what a job uses.
        concurrent: jobs at a time.
        warmups: the folder of the warm-ups that jobs share; None where each trains its own.
    """

    data: ArrayData
    resources: Resources
    concurrent: int
    warmups: Path | None = None

    def run(self, work: Work, seconds: float | None = None) -> None:
        """Run jobs until there are no more, or the time is up.

        The first interrupt (Ctrl-C) pauses the work; a second one, or a termination, raises.

        Args:
            work: proposes jobs and is told of them.
            seconds: to stop after; None for no limit.

        Raises:
            KeyboardInterrupt: the user has not the patience to let epochs end.
            SearchFailedError: the work lost what it needs.
        """
        if work.over:
            return
        memory = self.resources.memory_per_trial
        trainable = tune.with_parameters(
            JobActor, data=self.data, memory=memory, warmups=self.warmups
        )
        needs = {"cpu": self.resources.cpus_per_trial, "gpu": self.resources.gpus_per_trial}
        searcher = WorkSearcher(work)
        with scratch_folder() as folder, pausing(work):
            tune.Tuner(
                tune.with_resources(trainable, needs),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    scheduler=WorkScheduler(searcher),
                    num_samples=-1,
                    max_concurrent_trials=self.concurrent,
                    reuse_actors=True,
                    time_budget_s=seconds,
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


@contextmanager
def pausing(work: Work) -> Iterator[None]:
    """A block in which an interrupt pauses the work, and a second one or a termination ends it.

    Signals reach the main thread only; elsewhere nothing is changed.
    """

    def pause(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work.pause()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers: dict[signal.Signals, Callable[..., Any]] = {
        signal.SIGINT: pause,
        signal.SIGTERM: signal.default_int_handler,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
