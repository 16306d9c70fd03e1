"""Retry queue for jobs that need a service, with pauses during its outages."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

Job = Callable[[], object]

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between retries during an outage: they grow from the first to the longest."""
SHARE = 4
"""The least length of a pause, as a multiple of the time that the try before it took to fail."""
TURN_SECONDS = 2.0
"""Seconds after which `drain` leaves further jobs to the next call."""


@dataclass(frozen=True)
class Clock:
    """Clock of the queue: monotonic seconds, and a way to sleep."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


REAL = Clock()


class RetryQueue:
    """Queue of jobs for a service. After an outage they run in order.

    A job that an outage interrupts runs again from its start, so every job must be idempotent. For
    any other error the job is dropped and the error raised.

    Args:
        is_outage: returns whether an error is an outage of the service.
        report: called with True when an outage begins and with False when it ends.
        clock: the clock.
    """

    def __init__(
        self,
        is_outage: Callable[[Exception], bool],
        report: Callable[[bool], None],
        clock: Clock,
    ) -> None:
        self._is_outage, self._report, self._clock = is_outage, report, clock
        self._jobs: dict[Hashable, tuple[float, Job]] = {}
        self._pause = 0.0
        self._paused_until = float("-inf")

    @property
    def is_empty(self) -> bool:
        """True if no job is queued."""
        return not self._jobs

    def put(self, key: Hashable, job: Job, delay: float = 0.0) -> None:
        """Queue a job. It replaces one of the same key, in its place and at the earlier time.

        Args:
            key: identity of the job.
            job: function to call; idempotent.
            delay: seconds before the job is due.
        """
        due = self._clock.now() + delay
        if key in self._jobs:
            due = min(due, self._jobs[key][0])
        self._jobs[key] = (due, job)

    def drain(self, *, everything: bool = False) -> None:
        """Run due jobs for some seconds, unless the queue pauses after a failed try.

        Args:
            everything: run all jobs, due or not, without a time limit.
        """
        began = self._clock.now()
        while self._clock.now() >= self._paused_until:
            now = self._clock.now()
            ready = (key for key, (due, _) in self._jobs.items() if everything or due <= now)
            key = next(ready, None)
            if key is None or (now >= began + TURN_SECONDS and not everything):
                return
            self._run(key)

    def finish(self, patience: float) -> bool:
        """Run all jobs, with retries for some seconds, and return whether none is left."""
        deadline = self._clock.now() + patience
        self._paused_until, self._pause = float("-inf"), min(self._pause, FIRST_PAUSE)
        while True:
            self.drain(everything=True)
            left = deadline - self._clock.now()
            if self.is_empty or left <= 0:
                return self.is_empty
            self._clock.sleep(min(left, max(0.0, self._paused_until - self._clock.now())))
            self._paused_until = float("-inf")

    def _run(self, key: Hashable) -> None:
        """Run a job; after an outage or an interrupt it is the first in the queue again."""
        due, job = self._jobs.pop(key)
        began = self._clock.now()
        try:
            job()
        except Exception as error:
            if not self._is_outage(error):
                raise
            self._jobs = {key: (due, job)} | self._jobs
            self._back_off(self._clock.now() - began)
        except BaseException:
            self._jobs = {key: (due, job)} | self._jobs
            raise
        else:
            if self._pause:
                self._report(False)
            self._pause = 0.0

    def _back_off(self, took: float) -> None:
        """Pause the queue after a try that took some seconds to fail."""
        if not self._pause:
            self._report(True)
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        self._paused_until = self._clock.now() + max(self._pause, SHARE * took)
