"""Shared by the tests of the loop: a session in a real database, and its listeners."""

from __future__ import annotations

import optuna

from search.engine.jobs import Report
from search.loop.halving import Halving
from search.loop.limits import Limits, Stopping
from search.loop.session import Session
from search.store.epoch_log import EpochLog
from search.trials.repository import SearchTrials
from tests.search.support import BARE, Listener, database, epoch, new_search, result

ONE_FIELD = "[space]\ninterval = { low = 1, high = 1000 }"


class Scene:
    """Session and the calls that it made."""

    def __init__(self, folder, trials=None, limits=None, **info):
        self.folder, self.limits = folder, limits or Limits(price=lambda config: 10**6)
        self.trials = trials or new_search(folder, **info)
        self.tracker, self.display = Listener(), Listener()
        self.epoch_log = EpochLog(folder / "files" / "histories")
        self.session = Session(
            self.trials, self.tracker, self.display, self.epoch_log, folder / "files", self.limits
        )

    def again(self):
        """Return another driver's session of the same search."""
        return Scene(self.folder, SearchTrials.load(database(self.folder), "trip"), self.limits)

    def frozen(self, number):
        """Return a trial as Optuna has it."""
        return optuna.load_study(study_name="trip", storage=database(self.folder)).trials[number]

    def train(self, number, accuracy=0.9, relative=0.1):
        """Report all epochs of a trial and its end."""
        for made in range(1, 5):
            self.report(number, made, accuracy)
        self.session.on_end(number, result(accuracy, relative))

    def report(self, number, made, accuracy=0.5):
        """Report an epoch of a trial; return whether the trial continues."""
        return self.session.on_report(number, Report([epoch(made, accuracy)], {"warmup": made}))

    def checkpoint(self, number):
        """Make a trial's checkpoint; return its folder."""
        folder = self.folder / "files" / "checkpoints" / str(number)
        folder.mkdir()
        return folder

    def state(self, number):
        """Return the state of a trial in the storage."""
        return next(each.state for each in self.trials.records() if each.number == number)


def halved(folder, trials=None, reduction=2, price=None, **info):
    """Return a session with a rung at epoch 2 of 4; a trial costs its coreset's share."""
    limits = Limits(
        price=price or (lambda config: round(1e6 * config.coreset.fraction)),
        stopping=Stopping(Halving(2, reduction)),
    )
    return Scene(folder, trials, limits, source=info.pop("source", BARE), **info)
