"""Retry queue for jobs that need a service, with pauses during its outages."""

from __future__ import annotations

import math
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
FAIR_TRIES, MOST_TRIES = 3, 6
"""Failures of a job after which others are tried first, and after which it is dropped if others
have succeeded meanwhile."""
LONGEST_FINISH = 10
"""The most time for `finish`, as a multiple of the patience without any success."""


@dataclass(frozen=True)
class Clock:
    """Clock of the queue: monotonic seconds, and a way to sleep."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


REAL = Clock()


def _raise(key: Hashable, error: BaseException) -> None:  # noqa: ARG001
    raise error


class RetryQueue:
    """Queue of jobs for a service. After an outage they run in order.

    A job that an outage interrupts runs again from its start, so every job must be idempotent. For
    any other error the job is dropped, and so is one that keeps failing while others succeed.

    Args:
        is_outage: returns whether an error is an outage of the service.
        report: called with True when an outage begins and with False when it ends.
        clock: the clock.
        drop: called with the key and the error of a dropped job; by default the error is raised.
    """

    def __init__(
        self,
        is_outage: Callable[[BaseException], bool],
        report: Callable[[bool], None],
        clock: Clock,
        drop: Callable[[Hashable, BaseException], None] = _raise,
    ) -> None:
        self._is_outage, self._report, self._clock = is_outage, report, clock
        self._drop = drop
        self._jobs: dict[Hashable, tuple[float, Job]] = {}
        self._failures: dict[Hashable, tuple[int, int]] = {}  # tries, successes before the first
        self._successes = 0
        self._pause = 0.0
        self._paused_until = float("-inf")

    @property
    def is_empty(self) -> bool:
        """True if no job is queued."""
        return not self._jobs

    @property
    def is_away(self) -> bool:
        """True if the service did not work at the last try."""
        return self._pause > 0

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

    def drain(self, *, everything: bool = False, until: float = math.inf) -> None:
        """Run due jobs for some seconds, unless the queue pauses after a failed try.

        Args:
            everything: run all jobs, due or not, without a time limit.
            until: time of the clock at which it stops in any case.
        """
        end = until if everything else min(until, self._clock.now() + TURN_SECONDS)
        while self._clock.now() >= self._paused_until:
            now = self._clock.now()
            ready = (key for key, (due, _) in self._jobs.items() if everything or due <= now)
            if self._failures:
                key = min(ready, key=self._failed_rounds, default=None)
            else:
                key = next(ready, None)
            if key is None or now >= end:
                return
            self._run(key)

    def _failed_rounds(self, key: Hashable) -> int:
        """Return how often a job has had its share of tries in vain."""
        return self._failures.get(key, (0, 0))[0] // FAIR_TRIES

    def finish(self, patience: float) -> bool:
        """Run all jobs, and return whether none is left.

        Args:
            patience: seconds of retries after the last success.
        """
        deadline, successes = self._clock.now() + patience, self._successes
        last = self._clock.now() + max(patience, FIRST_PAUSE) * LONGEST_FINISH
        self._paused_until, self._pause = float("-inf"), min(self._pause, FIRST_PAUSE)
        while True:
            self.drain(everything=True, until=last)
            if self._successes > successes:
                successes = self._successes
                deadline = max(deadline, min(last, self._clock.now() + patience))
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
        except (Exception, SystemExit) as error:  # noqa: BLE001
            if not self._is_outage(error) or self._fails_alone(key):
                self._failures.pop(key, None)
                self._drop(key, error)
                return
            self._jobs = {key: (due, job)} | self._jobs
            self._back_off(self._clock.now() - began)
        except BaseException:
            self._jobs = {key: (due, job)} | self._jobs
            raise
        else:
            self._failures.pop(key, None)
            self._successes += 1
            if self._pause:
                self._report(False)
            self._pause = 0.0

    def _fails_alone(self, key: Hashable) -> bool:
        """Count a failure of a job; return whether others have succeeded while it kept failing."""
        tries, successes = self._failures.get(key, (0, self._successes))
        self._failures[key] = (tries + 1, successes)
        return tries + 1 >= MOST_TRIES and self._successes > successes

    def _back_off(self, took: float) -> None:
        """Pause the queue after a try that took some seconds to fail."""
        if not self._pause:
            self._report(True)
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        self._paused_until = self._clock.now() + max(self._pause, SHARE * took)
