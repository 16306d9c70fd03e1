"""Shared by the tests of the loop: sessions in a real database, and places by brute force."""

from __future__ import annotations

import itertools
import math

import optuna

from search.engine.jobs import Report
from search.loop.halving import Halving
from search.loop.limits import Limits, Stopping
from search.loop.session import Session
from search.pareto import dominates
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


def brute_place(cloud):
    """Return the place of the first point; every definition is repeated here."""
    left, ranks = list(range(len(cloud))), {}
    for rank in itertools.count():
        if not left:
            break
        best = [i for i in left if not any(dominates(*cloud[j], *cloud[i]) for j in left)]
        ranks |= dict.fromkeys(best, rank)
        left = [i for i in left if i not in best]
    high = max(accuracy for accuracy, _ in cloud) - min(accuracy for accuracy, _ in cloud)
    logs = [math.log(flops) for _, flops in cloud]
    wide = max(logs) - min(logs)
    peers = sorted({cloud[i] for i in ranks if ranks[i] == ranks[0]})

    def spread(point):
        at = peers.index(point)
        if at in (0, len(peers) - 1):
            return math.inf
        (low, cheap), (up, costly) = peers[at - 1], peers[at + 1]
        return ((up - low) / high + math.log(costly / cheap) / wide) / cloud.count(point)

    same = [i for i in ranks if ranks[i] == ranks[0]]
    ahead = sum(ranks[i] < ranks[0] for i in ranks)
    return 1 + ahead + sum(spread(cloud[i]) > spread(cloud[0]) + 1e-9 for i in same)
