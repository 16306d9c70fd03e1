"""Shared by the tests of tracking: a tracked search, its contents in MLflow, and failures."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

from search.store.epoch_log import EpochLog
from search.tracking.retry_queue import Clock
from search.tracking.tracker import Tracker
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord
from tests.search.support import UNIT, epoch, record, renumbered, search_info, study

CURVES = {"val_accuracy", "hypervolume", "flops_spent"}
"""Metrics that are compared as whole curves; the others by their latest value."""
CONFIG = study().references["small"]


class FakeClock:
    """Clock that tests move; sleeping moves it as well."""

    def __init__(self) -> None:
        self.time, self.slept = 0.0, []
        self.clock = Clock(lambda: self.time, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@functools.cache
def blank_store() -> bytes:
    """Return an MLflow database without runs, as its tables take seconds to create."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlflow.db")
        client = MlflowClient(f"sqlite:///{path}", f"sqlite:///{path}")
        client.search_experiments(max_results=1)
        return path.read_bytes()


def new_store(folder: Path) -> str:
    """Create an MLflow database in a folder and return its URI."""
    (folder / "mlflow.db").write_bytes(blank_store())
    return f"sqlite:///{folder / 'mlflow.db'}"


class Faulty:
    """MLflow's client with injected faults.

    Args:
        client: the client that makes the calls.
        fault: takes the name of a call and the call, and makes it or raises.
    """

    def __init__(self, client: Any, fault: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._client, self._fault = client, fault

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return lambda *given, **named: self._fault(name, lambda: found(*given, **named))


class Story:
    """Search in memory, with its tracker.

    Args:
        uri: URI of MLflow.
        home: folder of everything else.
        name: name of the search, and part of its uid.
    """

    def __init__(self, uri: str, home: Path, name: str = "trip", **info: Any) -> None:
        self.uri, self.home, self.time = uri, home, FakeClock()
        self.info: SearchInfo = search_info(name=name, uid=f"uid-{name}", **info)
        self.records: dict[int, TrialRecord] = {}
        self.folder = home / "searches" / name
        self.tracker = self.driver()

    def driver(self, fault: Callable[..., Any] | None = None) -> Tracker:
        """Return the tracker of a new driver, which replaces the one before."""
        epoch_log = EpochLog(self.folder / "histories")
        clock = self.time.clock
        tracker = Tracker(self.uri, self.home / "mlartifacts", self.folder, epoch_log, clock)
        if fault:
            tracker._client = Faulty(tracker._client, fault)
        self.tracker, self.epoch_log = tracker, epoch_log
        return tracker

    def begin(self) -> str:
        """Begin, as a driver does, and return the parent run's id."""
        experiment_id, run_id = self.tracker.begin(self.info, list(self.records.values()))
        self.info = search_info(
            name=self.info.name,
            uid=self.info.uid,
            budget=self.info.budget,
            seed=self.info.seed,
            experiment_id=experiment_id,
            run_id=run_id,
        )
        return run_id

    def start(self, number: int, **more: Any) -> None:
        params = study().searched(CONFIG)
        known = {"state": "running", "config": CONFIG, "unit": UNIT, "params": params} | more
        self.records[number] = TrialRecord(number=number, **known)
        self.tracker.start_trial(self.records[number])
        self.tracker.turn()

    def train(self, number: int, *steps: int) -> None:
        """Log epochs of a trial, first in the epoch log and then in MLflow."""
        new = self.epoch_log.extend(number, [epoch(step, step / 10) for step in steps])
        self.tracker.log_epochs(number, new)
        self.tracker.turn()

    def end(self, number: int, accuracy: float, relative: float, **more: Any) -> None:
        known = self.records[number]
        kept = {"config": known.config, "params": known.params, "reference": known.reference}
        self.records[number] = record(number, accuracy, relative, **(kept | more))
        self.tracker.end_trial(self.records[number])
        self.tracker.turn()

    def pause(self, number: int) -> None:
        self.records[number] = renumbered(self.records[number], state="paused")
        self.tracker.end_trial(self.records[number])
        self.tracker.turn()

    def read(self, number: int, values: dict[str, float], step: int = 0) -> None:
        self.tracker.log_reading(number, values, step)
        self.tracker.turn()

    def publish(self, *, now: bool = False) -> None:
        self.tracker.publish(self.info, SearchState(self.records.values()), now=now)
        self.tracker.turn()

    @functools.cached_property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri, self.uri)

    def children(self) -> list[Any]:
        """Return the runs of the trials, without deleted ones."""
        wanted = f"tags.mlflow.parentRunId = '{self.info.run_id}'"
        return self.client.search_runs([self.info.experiment_id], wanted)

    def run(self, number: int) -> Any:
        """Return the one run of a trial."""
        (found,) = [run for run in self.children() if run.data.tags["trial"] == str(number)]
        return found

    def curve(self, run_id: str, name: str) -> list[tuple[int, float]]:
        """Return steps and values of a metric."""
        return [(each.step, each.value) for each in self.client.get_metric_history(run_id, name)]

    def picture(self) -> dict[str, Any]:
        """Return the search's contents in MLflow, without ids and times."""
        found = self.client.search_runs(
            [self.info.experiment_id], f"tags.search_uid = '{self.info.uid}'"
        )
        picture = {run.data.tags.get("trial", "search"): self._describe(run) for run in found}
        assert len(picture) == len(found), "two runs of one trial"
        return picture

    def _describe(self, run: Any) -> dict[str, Any]:
        ids = ("mlflow.parentRunId", "mlflow.user")
        return {
            "name": run.info.run_name,
            "status": run.info.status,
            "tags": {key: text for key, text in run.data.tags.items() if key not in ids},
            "params": run.data.params,
            "metrics": {
                name: repr(self.curve(run.info.run_id, name) if name in CURVES else value)
                for name, value in sorted(run.data.metrics.items())
            },
            "data": [each.dataset.name for each in run.inputs.dataset_inputs],
            "artifacts": sorted(
                each.path
                for folder in ("", "plots")
                for each in self.client.list_artifacts(run.info.run_id, folder)
            ),
        }
