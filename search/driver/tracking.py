"""The place of a search in MLflow, kept in its storage, and the end of its tracking."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from search.console.summary import home_option
from search.errors import say
from search.store.home import Home
from search.store.urls import shown
from search.trials.repository import SearchTrials

if TYPE_CHECKING:
    from search.tracking import Tracker

MOST_NAMED = 4
"""The most missing things in a line."""


def remember(trials: SearchTrials, tracker: Tracker, home: Home) -> None:
    """Store where a search is in MLflow, if MLflow has it."""
    if tracker.place is None:
        return
    experiment_id, run_id = tracker.place
    stored = None if home.owns(tracker.uri) else shown(tracker.uri)
    trials.remember(experiment_id=experiment_id, run_id=run_id, tracking_uri=stored)


def close(trials: SearchTrials, tracker: Tracker, home: Home) -> bool:
    """Send what is left to MLflow, print what it lacks, and store its runs.

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
    trials.complete_runs(tracker.run_of)
    return is_sent and not missing
