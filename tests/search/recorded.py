"""Search of real trainings, recorded without Ray, so that its files can be trained again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from search.trials.repository import SearchTrials
from search.trials.trial_record import TrialRecord
from swast.config import TrainConfig
from swast.data import load_data
from swast.training import train
from tests.search.support import new_search


def recorded(
    folder: Path, source: str, count: int, run_of: Callable[[int], str] | None = None
) -> SearchTrials:
    """Train some trials one after another, and return their search in a folder's database.

    Args:
        folder: a new home.
        source: the study's text.
        count: trials.
        run_of: returns the MLflow run of a trial, by its number.
    """
    folder.mkdir(exist_ok=True)
    trials, data = new_search(folder, source), load_data("digits")
    for _ in range(count):
        asked = trials.ask()
        found = trained(asked.number, asked.config, data)
        run_id = None if run_of is None else run_of(asked.number)
        trials.settle(dataclasses.replace(found, run_id=run_id))
    return trials


def trained(number: int, config: TrainConfig, data) -> TrialRecord:
    """Train a configuration, and return the record of a finished trial."""
    result = train(config, data=data)
    return TrialRecord(
        number=number,
        state="complete",
        score=result.val_accuracy,
        cost=result.train_flops,
        unit=round(result.train_flops / result.relative_flops),
        epochs=len(result.history),
        seconds=result.seconds,
        bill=dict(result.flops),
        environment=dict(result.environment),
    )
