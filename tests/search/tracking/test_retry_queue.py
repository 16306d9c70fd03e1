"""Retry queue during outages of a service, on a clock that tests move."""

from __future__ import annotations

from itertools import pairwise

import pytest

from search.tracking.retry_queue import FIRST_PAUSE, LONGEST_PAUSE, RetryQueue
from tests.search.tracking.stories import FakeClock


class Service:
    """Stand-in for a service, with its queue; it records jobs done and tried, and outages."""

    def __init__(self):
        self.time, self.is_away, self.done, self.tried, self.outages = (
            FakeClock(),
            False,
            [],
            [],
            [],
        )
        self.slow = 0.0
        self.queue = RetryQueue(
            lambda error: isinstance(error, ConnectionError), self.outages.append, self.time.clock
        )

    def put(self, key, delay=0.0):
        def job():
            self.tried.append((key, self.time.time))
            if self.is_away:
                self.time.time += self.slow
                raise ConnectionError
            self.done.append(key)

        self.queue.put(key, job, delay)

    def pass_time(self, seconds):
        """Drain ten times a second."""
        for _ in range(round(10 * seconds)):
            self.time.time += 0.1
            self.queue.drain()


@pytest.fixture
def service():
    return Service()


def test_jobs_are_done_in_the_order_they_came(service):
    for key in "abc":
        service.put(key)
    service.queue.drain()
    assert service.done == ["a", "b", "c"]
    assert service.queue.is_empty
    assert service.outages == []


def test_a_job_that_is_not_due_waits_and_holds_up_no_other(service):
    service.put("a", delay=2)
    service.put("b")
    service.queue.drain()
    assert service.done == ["b"]
    service.pass_time(2.1)
    assert service.done == ["b", "a"]


def test_a_job_put_twice_is_done_once_at_the_earlier_time(service):
    service.put("a", delay=9)
    service.put("b")
    service.put("a")
    service.put("a", delay=9)
    service.queue.drain()
    assert service.done == ["a", "b"]


def test_an_outage_loses_nothing_and_keeps_the_order(service):
    service.is_away = True
    for key in "abc":
        service.put(key)
        service.queue.drain()
    assert service.tried == [("a", 0.0)]
    service.is_away = False
    service.pass_time(1)
    assert service.done == ["a", "b", "c"]
    assert service.outages == [True, False]


def test_pauses_grow_and_stay_below_their_longest(service):
    service.is_away = True
    service.put("a")
    service.pass_time(120)
    times = [when for _, when in service.tried]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] == pytest.approx(FIRST_PAUSE, abs=0.11)
    assert pauses == sorted(pauses, key=lambda pause: round(pause, 1))
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE, abs=0.11)
    assert service.outages == [True]
    service.is_away = False
    service.pass_time(11)
    service.is_away = True
    service.put("b")
    service.queue.drain()
    assert service.outages == [True, False, True]


def test_a_service_that_hangs_takes_a_fifth_of_the_time_at_most(service):
    """The callers wait for each try."""
    service.is_away, service.slow = True, 5.0
    service.put("a")
    service.pass_time(30)
    share = service.slow * len(service.tried) / service.time.time
    assert share < 0.3
    times = [when for _, when in service.tried]
    assert min(b - a for a, b in pairwise(times)) >= 5 * service.slow


def test_an_error_that_is_no_outage_is_raised_and_does_not_stay(service):
    def mistake():
        raise ValueError("ours")

    service.queue.put("wrong", mistake)
    service.put("b")
    with pytest.raises(ValueError, match="ours"):
        service.queue.drain()
    service.queue.drain()
    assert service.done == ["b"]


def test_a_job_that_the_user_interrupts_is_not_lost(service):
    calls = iter([KeyboardInterrupt, None])

    def job():
        if (error := next(calls)) is not None:
            raise error
        service.done.append("a")

    service.queue.put("a", job)
    service.put("b")
    with pytest.raises(KeyboardInterrupt):
        service.queue.drain()
    assert service.queue.finish(0)
    assert service.done == ["a", "b"]


def test_a_long_queue_is_done_over_several_turns(service):
    """A caller does not wait for all that an outage left."""
    for key in range(10):
        service.queue.put(key, lambda: service.time.clock.sleep(0.9))
    service.queue.drain()
    assert service.time.time == pytest.approx(3 * 0.9)
    for _ in range(3):
        service.queue.drain()
    assert service.queue.is_empty


class TestFinishing:
    def test_does_what_is_not_due_yet(self, service):
        service.put("a", delay=100)
        assert service.queue.finish(0)
        assert service.done == ["a"]
        assert service.time.slept == []

    def test_waits_for_a_service_that_comes_back(self, service):
        service.is_away = True
        service.put("a")
        service.queue.drain()
        sleep = service.time.clock.sleep

        def back(seconds):
            sleep(seconds)
            service.is_away = service.time.time < 20

        service.queue._clock = type(service.time.clock)(service.time.clock.now, back)
        assert service.queue.finish(60)
        assert 20 <= service.time.time < 20 + LONGEST_PAUSE
        assert service.outages == [True, False]

    def test_gives_up_when_patience_ends(self, service):
        service.is_away = True
        service.put("a")
        assert not service.queue.finish(30)
        assert service.time.time == pytest.approx(30)
        assert service.done == []
        service.is_away = False
        assert service.queue.finish(0)
        assert service.done == ["a"]
