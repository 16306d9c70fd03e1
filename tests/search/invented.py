"""Searches that were never trained: trials in Optuna's storage, and from there in MLflow."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from search.objectives import STANDARD
from search.samplers.parameters import draw
from search.store.epoch_log import EpochLog
from search.store.home import Home
from search.tracking import Tracker
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from search.trials.serialization import outcome_of
from search.trials.trial_record import TrialRecord
from tests.search.support import BARE, epoch, new_search, record


def record_search(home: Path, count: int, source: str = BARE, **info: Any) -> SearchTrials:
    """Return a search of finished trials, references first, as its driver leaves it."""
    name = info.get("name", "trip")
    trials = new_search(home, source, **{"budget": count, "uid": f"uid-{name}"} | info)
    epoch_log = EpochLog(Home(home).search(name) / "histories")
    chance = random.Random(count)
    for number in range(len(trials.info.study.references)):
        ended = outcome(trials.ask().number, chance)
        trials.settle(ended)
        epoch_log.extend(number, [epoch(1, ended.score)])
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=count))
    for number in range(len(trials.info.study.references), count):
        asked = drawn.ask()
        study = trials.info.study
        config = study.configure(draw(asked, study.space))
        ended = outcome(number, chance)
        trials._study.add_trial(_finished(asked, config.to_dict(), ended))
        epoch_log.extend(number, [epoch(1, ended.score)])
    return trials


def outcome(number: int, chance: random.Random) -> TrialRecord:
    """Return a finished trial; more expensive ones are better on average."""
    relative = 10 ** chance.uniform(-2, 0)
    accuracy = 0.98 + 0.1 * math.log10(relative) - chance.expovariate(20)
    return record(number, round(accuracy, 4), relative, epochs=1)


def _finished(
    asked: optuna.Trial, config: dict[str, Any], ended: TrialRecord
) -> optuna.trial.FrozenTrial:
    """Return a finished trial in Optuna's form; much faster than `ask` and `settle`."""
    return optuna.trial.create_trial(
        params=asked.params,
        distributions=asked.distributions,
        values=[ended.score, ended.cost],
        user_attrs={"config": config, "begun": {}, "outcome": outcome_of(ended, STANDARD)},
    )


def publish(home: Path, trials: SearchTrials, uri: str | None = None) -> str:
    """Track a finished search in MLflow, as a driver does, and return the id of its run."""
    place = Home(home)
    folder, records = place.search(trials.info.name), trials.records()
    tracker = Tracker(
        uri or place.tracking, place.artifacts, folder, EpochLog(folder / "histories")
    )
    experiment_id, run_id = tracker.begin(trials.info, records)
    trials.remember(experiment_id=experiment_id, run_id=run_id)
    tracker.publish(trials.info, SearchState(records), now=True)
    tracker.end_search("finished")
    assert tracker.close(600)
    trials.complete_runs(tracker.run_of)
    return run_id


@contextlib.contextmanager
def hasty() -> Iterator[None]:
    """Let SQLite skip waiting for the disk; the data need not survive a crash."""

    def relax(connection: Any, _: Any) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", relax)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", relax)
