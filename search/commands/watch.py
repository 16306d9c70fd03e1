"""`watch`: follow a search that another process runs."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from search.console import live
from search.loop.status import Status
from search.objectives import Objectives
from search.store.epoch_log import EpochLog
from search.store.home import Home, open_home
from search.store.lock import is_held
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord
from swast.printing import is_lost

LOOK_SECONDS = 1.0
"""Seconds between two reads of the storage."""


def watch(options: Namespace) -> None:
    """Show a running search until no process runs it, or nobody can read what is shown.

    Raises:
        RequestError: no search has that name.
    """
    trials = SearchTrials.load(open_home(options), options.name)
    folder, began = Home.find(options.home).search(options.name), time.monotonic()
    info = trials.info
    state = SearchState(trials.records(), info.objectives, trials.estimator)
    state.estimate()
    known = state.ended
    with live.choose(quiet=False) as shown:
        while True:
            runs = is_held(folder)  # checked before reading the trials, so that none is missed
            for record in with_epochs(trials.records(), folder, info.objectives):
                seen = state.get(record.number)
                if seen is None or replace(seen, estimate=None) != record:
                    state.put(record)
            here, seconds = state.ended - known, time.monotonic() - began
            shown.update(Status(info.name, info.budget, state, seconds, here))
            if not runs:
                shown.say(f"no process runs {info.name!r}")
            if not runs or is_lost():
                return
            time.sleep(LOOK_SECONDS)


def with_epochs(
    records: list[TrialRecord], folder: Path, objectives: Objectives
) -> list[TrialRecord]:
    """Return the records, those of running trials with their last epoch."""
    epoch_log = EpochLog(folder / "histories")
    found = []
    for record in records:
        epochs = epoch_log.read(record.number) if record.state == "running" else []
        last = epochs[-1] if epochs else None
        found.append(
            record
            if last is None
            else replace(record, epochs=last.epoch, score=objectives.score.measure(last))
        )
    return found
