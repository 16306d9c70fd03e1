"""Begin and end of the tracking of a search, and its place in MLflow, kept in its storage."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, overload

from search.console.summary import home_option
from search.driver import phases
from search.driver.request import Request
from search.errors import say
from search.store.epoch_log import EpochLog
from search.store.home import Home
from search.store.urls import shown, sqlite_file
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo

if TYPE_CHECKING:
    from search.tracking import Tracker

MOST_NAMED = 4
"""The most missing things in a line."""


@overload
def open_tracker(request: Request, home: Home, info: SearchInfo) -> Tracker: ...
@overload
def open_tracker(
    request: Request, home: Home, info: SearchInfo, *, new: bool
) -> Tracker | None: ...
def open_tracker(
    request: Request, home: Home, info: SearchInfo, *, new: bool = True
) -> Tracker | None:
    """Return the writer of a search to MLflow, after trying whether MLflow can be used.

    Args:
        request: names the store.
        home: the home.
        info: the search.
        new: create a store that does not exist; else return None for it.

    Raises:
        RequestError: MLflow cannot be used; nothing of the search was written.
    """
    phases.begin(request, "opening MLflow")
    from search.tracking import Tracker

    folder = home.search(info.name)
    uri = info.tracked_at(request.tracking_uri, home)
    path = sqlite_file(uri)
    if not new and path is not None and not path.exists():
        return None
    return Tracker(uri, home.artifacts, folder, EpochLog(folder / "histories"))


def remember(trials: SearchTrials, tracker: Tracker, home: Home) -> None:
    """Store where a search is in MLflow, if MLflow has it."""
    if tracker.place is None:
        return
    experiment_id, run_id = tracker.place
    stored = None if home.owns(tracker.uri) else shown(tracker.uri)
    trials.remember(experiment_id=experiment_id, run_id=run_id, tracking_uri=stored)


def close(trials: SearchTrials, tracker: Tracker, home: Home) -> bool:
    """Send the queue to MLflow, print the names of missing files, and store the runs.

    Returns:
        Whether MLflow has everything.
    """
    name, place = trials.info.name, shown(tracker.uri)
    again = f"swast-search sync {shlex.quote(name)}{home_option(home)}"
    is_sent, missing = tracker.close(), tracker.missing
    if not is_sent:
        say(f"MLflow at {place} is behind; --resume {name} or `{again}` brings it up to date")
    if missing:
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        listed = ", ".join(missing[:MOST_NAMED]) + more
        say(f"MLflow at {place} lacks {listed}; `{again}` tries them again")
    remember(trials, tracker, home)
    trials.complete_runs(tracker.run_of, again=True)
    return is_sent and not missing
