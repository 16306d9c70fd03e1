"""Drivers of one search that are killed one after another."""

from __future__ import annotations

import signal

from tests.e2e.checks import check_whole, settled
from tests.e2e.support import ended, resume, search, until

PROCESSES_SECONDS = 100


class Drivers:
    """One driver after another of one search, each killed; the last one may end it.

    Args:
        place: to run them in; its search database is made by the first of them.
        start: starts a command, as `Place.start` or `Place.fork`.
        study: file of the search's study.
        budget: of the search.
        options: more options of the search.
    """

    def __init__(self, place, start, study, budget, *options):
        (place.home / "optuna.db").unlink()
        self.place, self.budget, self.known, self.kills = place, budget, {}, 0
        self._start = start
        self._search = search("--budget", budget, "--quiet", *options, study=study)

    def begin(self, *options, **more):
        """Start the next driver, which goes on with the search if there is one."""
        words = resume("--quiet") if self.place.is_begun() else self._search
        return self._start(*words, *options, **more)

    def check_kept(self):
        """Check that trials which had ended before have not changed."""
        after = settled(self.place)
        assert {number: after.get(number) for number in self.known} == self.known
        self.known = after

    def check_killed(self, driver):
        """Check that a driver was killed, or was quicker, and what it has left.

        Returns:
            Whether it was killed.
        """
        done = ended(driver)
        assert done.code in (-signal.SIGKILL, 0), done.err
        self.check_kept()
        self.kills += done.code != 0
        return done.code != 0

    def end(self, *options, **more):
        """Run a driver to its end, and check the whole search."""
        done = ended(self.begin(*options, **more))
        assert (done.code, done.out, done.err) == (0, "", "")
        self.check_kept()
        check_whole(self.place, self.budget)
        folders = [path.name for path in self.place.scratch.glob("swast-*")]
        assert folders == []  # a killed driver cannot remove its own; the next one does
        print(f"{self.kills} kills, {self.budget} trials: 0 lost, 0 doubled, 0 running, 0 folders")


def check_alone(place):
    """Check that all processes that commands had started end."""
    assert until(lambda: not place.processes(), seconds=PROCESSES_SECONDS), place.processes()
