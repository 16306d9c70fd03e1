"""`sync`: send a search to MLflow again; nothing is trained."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from search.driver import tracking
from search.errors import RequestError, SearchFailedError
from search.loop.status import end_of
from search.plots import write_all
from search.store.epoch_log import EpochLog
from search.store.home import Home, open_home
from search.store.lock import held
from search.store.urls import shown
from search.tracking import Tracker
from search.trials import tracebacks
from search.trials.repository import SearchTrials
from search.trials.trial_record import ENDED, TrialRecord
from swast.printing import out


def sync(options: Namespace) -> None:
    """Send a search to an MLflow store again, and print how many runs it has there.

    Deleted runs are restored or made again. Repeated, it changes nothing.

    Raises:
        RequestError: no search has that name, another process runs it, or MLflow cannot be used.
        SearchFailedError: MLflow did not take everything.
    """
    storage, home = open_home(options), Home.find(options.home)
    trials = SearchTrials.load(storage, options.name)
    folder = home.search(trials.info.name)
    uri = trials.info.tracked_at(options.tracking_uri, home)
    with held(storage, trials.info.name, folder):
        tracker = Tracker(uri, home.artifacts, folder, EpochLog(folder / "histories"))
        records = trials.estimated()
        tracker.begin(trials.info, records, again=True)
        send_files(trials, tracker, home, records)
        end = end_of(records)
        tracker.end_search("paused" if end == "running" else end)
        is_sent = tracking.close(trials, tracker, home)
    if not is_sent:
        raise SearchFailedError(f"MLflow at {shown(uri)} did not take all of {options.name!r}")
    ended = [record for record in records if record.state in ENDED and not record.rejected]
    epochs = sum(record.epochs for record in ended)
    out(f"MLflow at {shown(uri)} has {options.name!r}: {len(ended)} trials, {epochs} epochs")


def send_files(
    trials: SearchTrials, tracker: Tracker, home: Home, records: Sequence[TrialRecord]
) -> None:
    """Draw the plots and the report of a search again, and queue them.

    Raises:
        RequestError: they cannot be written.
    """
    folder = home.search(trials.info.name)
    try:
        files = write_all(folder, trials.info, records, tracker.epoch_log, tracker.uri)
    except OSError as error:
        raise RequestError(f"the plots cannot be written to {folder}: {error.strerror}") from None
    tracker.attach([*(file.name for file in files), *tracebacks.kept(folder)])
