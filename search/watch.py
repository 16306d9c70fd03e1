"""`watch`: follow a search that another process runs."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from search import display
from search.histories import Histories
from search.home import Home
from search.lock import is_held
from search.records import TrialRecord
from search.show import open_home
from search.standing import Standing
from search.status import Status
from search.trials import SearchTrials

LOOK_SECONDS = 1.0
"""From one look to the next."""


def watch(options: Namespace) -> None:
    """Show a search as it goes on, until no process runs it any more.

    Raises:
        RequestError: there is none of that name.
    """
    trials = SearchTrials.load(open_home(options), options.name)
    folder, began = Home.find(options.home).search(options.name), time.monotonic()
    standing = Standing(trials.records())
    known = standing.ended
    with display.choose(quiet=False) as shown:
        while True:
            runs = is_held(
                folder
            )  # asked first, so that nothing is missed that comes before its end
            for record in with_epochs(trials.records(), folder):
                if standing.get(record.number) != record:
                    standing.put(record)
            here, seconds = standing.ended - known, time.monotonic() - began
            info = trials.info
            shown.update(Status(info.name, info.budget, standing, seconds, here))
            if not runs:
                shown.say(f"no process runs {info.name!r}")
                return
            time.sleep(LOOK_SECONDS)


def with_epochs(records: list[TrialRecord], folder: Path) -> list[TrialRecord]:
    """The records, those of running trials with the epochs they have made so far."""
    histories = Histories(folder / "histories")
    found = []
    for record in records:
        epochs = histories.read(record.number) if record.state == "running" else []
        last = epochs[-1] if epochs else None
        found.append(
            record
            if last is None
            else replace(record, epochs=last["epoch"], accuracy=last["val_accuracy"])
        )
    return found
