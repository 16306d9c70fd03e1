"""What waits to be told to a service that may be away, in order, each job at its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

Job = Callable[[], object]

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between tries while the service is away: they grow from the first to the longest."""
SHARE = 4
"""A pause is at least so many times as long as the try before it took to fail."""
TURN_SECONDS = 2.0
"""After so long, what still waits is left for the next turn."""


@dataclass(frozen=True)
class Clock:
    """Time as the backlog sees it: seconds that never run backwards, and how to let some pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


REAL = Clock()


class Backlog:
    """Jobs for a service, kept while it is away and done in order when it is back.

    A job that an outage cut short is done again from its start, so it has to bear that. An error
    that is no outage is the caller's: the job is dropped and the error raised.

    Args:
        is_outage: whether an error says that the service is away.
        tell: is called with True when the service goes away and with False when it is back.
        clock: the time.
    """

    def __init__(
        self,
        is_outage: Callable[[Exception], bool],
        tell: Callable[[bool], None],
        clock: Clock,
    ) -> None:
        self._is_outage, self._tell, self._clock = is_outage, tell, clock
        self._jobs: dict[Hashable, tuple[float, Job]] = {}
        self._pause = 0.0
        self._closed_until = float("-inf")

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._jobs

    def put(self, key: Hashable, job: Job, delay: float = 0.0) -> None:
        """Let a job wait; one of the same key keeps its place, and the earlier time of the two.

        Args:
            key: of the job.
            job: what to do.
            delay: seconds before it is due.
        """
        due = self._clock.now() + delay
        if key in self._jobs:
            due = min(due, self._jobs[key][0])
        self._jobs[key] = (due, job)

    def drain(self, *, everything: bool = False) -> None:
        """Do what is due, for some seconds, unless the service was away a moment ago.

        Args:
            everything: do also what is not due yet, however long it takes.
        """
        began = self._clock.now()
        while self._clock.now() >= self._closed_until:
            now = self._clock.now()
            ready = (key for key, (due, _) in self._jobs.items() if everything or due <= now)
            key = next(ready, None)
            if key is None or (now >= began + TURN_SECONDS and not everything):
                return
            self._do(key)

    def finish(self, patience: float) -> bool:
        """Do all that waits, trying again for some seconds; returns whether all is done."""
        deadline = self._clock.now() + patience
        self._closed_until, self._pause = float("-inf"), min(self._pause, FIRST_PAUSE)
        while True:
            self.drain(everything=True)
            left = deadline - self._clock.now()
            if self.is_empty or left <= 0:
                return self.is_empty
            self._clock.sleep(min(left, max(0.0, self._closed_until - self._clock.now())))
            self._closed_until = float("-inf")

    def _do(self, key: Hashable) -> None:
        """Do a job; if the service is away, or the user interrupts it, it is the first again."""
        due, job = self._jobs.pop(key)
        began = self._clock.now()
        try:
            job()
        except Exception as error:
            if not self._is_outage(error):
                raise
            self._jobs = {key: (due, job)} | self._jobs
            self._wait(self._clock.now() - began)
        except BaseException:
            self._jobs = {key: (due, job)} | self._jobs
            raise
        else:
            if self._pause:
                self._tell(False)
            self._pause = 0.0

    def _wait(self, took: float) -> None:
        """Leave the service alone for a while after a try that took some seconds to fail."""
        if not self._pause:
            self._tell(True)
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        self._closed_until = self._clock.now() + max(self._pause, SHARE * took)
