"""Drivers that are killed again and again: the search loses nothing and repeats nothing."""

from __future__ import annotations

import random
import time

import pytest

from tests.e2e.drivers import Drivers, check_alone
from tests.e2e.support import ONE_WORKER, until, wait

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),  # for a story, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]

PHASES = {
    "the search is made": ((14, 240), 4),
    "MLflow is brought up to date": ((240, 510), 3),
    "trials are asked for, trained and told": ((510, 1500), 6),
}
"""Phases of a driver: touches of the home between which it is in them, and drivers killed there.

These are the touches of a driver that makes the search. One that resumes it comes further.
"""


def fatal_touches(seed):
    """Draw the touch of the home at which each driver is killed."""
    draw = random.Random(seed)
    for bounds, drivers in PHASES.values():
        for _ in range(drivers):
            yield draw.randrange(*bounds)


@pytest.fixture(scope="module")
def killed(own_place):
    """A search whose drivers were killed while workers started, and while they trained."""
    drivers = Drivers(own_place, own_place.fork, "slow.toml", 6)
    for least, more in ((0, ONE_WORKER), (2, ())):
        driver = drivers.begin(*more)
        wait(driver, lambda least=least: own_place.is_begun() and own_place.count_ended() >= least)
        driver.kill()
        drivers.check_killed(driver)
    return drivers


def test_while_its_workers_start_and_while_they_train(killed):
    """Ray's workers outlive their driver for a while, and touch nothing of the next one's."""
    killed.end(*ONE_WORKER)


@pytest.mark.parametrize("seed", [17])
def test_at_a_touch_of_the_home(place, seed):
    """Each driver trains in its own process, and is killed between two touches of the home."""
    drivers = Drivers(place, place.fork, "bare.toml", 15)
    for touch in fatal_touches(seed):
        drivers.check_killed(drivers.begin(here=True, touch=touch))
    assert 0 < len(drivers.known) < drivers.budget
    drivers.end(here=True)


def test_leaves_no_process_of_rays(killed):
    """Told last: the processes take a minute to see that they are alone."""
    check_alone(killed.place)


def fatal_moments(seed, kinds):
    """Draw when each driver is killed: how many trials have to end before, and seconds from then.

    An early one dies in the first ten seconds of its start, each in a part of them of its own; a
    late one within a second of a trial's end.
    """
    draw = random.Random(seed)
    early = iter(range(kinds.count("early")))
    for kind in kinds:
        if kind == "late":
            yield 1 + draw.randrange(3), draw.uniform(0, 1)
        else:
            yield 0, 10 * (next(early) + draw.random()) / kinds.count("early")


@pytest.mark.long
@pytest.mark.parametrize("seed", [17])
def test_at_any_moment_of_the_whole_command(place, seed):
    """Some die while they start, some when a trial has just ended."""
    drivers = Drivers(place, place.start, "slow.toml", 20)
    for ends, seconds in fatal_moments(seed, ("early", "late") * 5):
        driver, known = drivers.begin(), len(drivers.known)
        until(lambda least=known + ends: place.count_ended() >= least, process=driver)
        deadline = time.monotonic() + seconds
        until(lambda deadline=deadline: time.monotonic() > deadline, process=driver)
        driver.kill()
        drivers.check_killed(driver)
    drivers.end()
    check_alone(place)
