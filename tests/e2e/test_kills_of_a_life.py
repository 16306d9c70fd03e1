"""Commands that are killed, stopped and robbed of Ray at any moment of a search's whole life.

``SWAST_KILLS`` is the number of drivers that are killed in the long stories, four fifths of them
where they train in their own process.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import time

import pytest

from swast.config import read_config
from tests.e2e.checks import check_whole
from tests.e2e.drivers import Drivers, check_alone
from tests.e2e.support import ended, prepared, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(3600),  # for a story, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]

KILLS = int(os.environ.get("SWAST_KILLS", "100"))
LIFE = 1500
"""Touches of the home by a driver that makes a search, reads its front, confirms and reports."""
TOUCHES = 40
"""Touches of the home by the quickest of the commands after a search."""
LIFE_SECONDS, STOPPED_SECONDS, HURT_SECONDS = 30, 10, 10
STUDY = ("bare.toml", 3, "--confirm-seeds", "1")
FRONT = ("swast-search", "export", "trip", "--pick", "front", "--out", "best", "--home", "home")
COMMANDS = {
    "export": (FRONT, 0),
    "gc": (("swast-search", "gc", "--home", "home"), 0),
    "delete": (("swast-search", "delete", "trip", "--yes", "--home", "home"), 2),
}
"""Commands after a search, in this order; exit code when there is nothing left to do."""


@pytest.mark.long
@pytest.mark.parametrize("seed", [23])
def test_a_driver_at_any_touch_of_its_life(tmp_path, seed):
    """Among them are the readings of the front, its confirmation and the report.

    One search after another is made, until so many drivers are killed.
    """
    draw, left = random.Random(seed), KILLS - KILLS // 5
    for number in itertools.count():
        folder = tmp_path / str(number)
        folder.mkdir()
        with prepared(folder) as place:
            drivers = Drivers(place, place.fork, *STUDY)
            while left and drivers.check_killed(
                drivers.begin(here=True, touch=draw.randrange(1, LIFE))
            ):
                left -= 1
            drivers.end(here=True)
            assert not [path for path in place.scratch.iterdir() if path.is_dir()]
        if not left:
            break


@pytest.mark.parametrize("seed", [29])
def test_commands_after_the_search(place, seed):
    """Each is killed, and then does what it has to as if it never had been."""
    draw = random.Random(seed)
    drivers = Drivers(place, place.fork, "bare.toml", 2)
    drivers.end(here=True)
    front = place.front()
    for words, nothing_left in COMMANDS.values():
        killed = ended(place.fork(*words, touch=draw.randrange(1, TOUCHES)))
        assert killed.code in (0, -signal.SIGKILL), killed.err
        done = ended(place.fork(*words))
        assert done.code in (0, nothing_left), done.err
        if words == FRONT:
            written = list((place.folder / "best").iterdir())
            assert len([read_config(path) for path in written]) == len(front)
    listed = ended(place.fork("swast-search", "list", "--json", "--home", "home"))
    assert (listed.code, json.loads(listed.out)) == (0, [])
    assert not (place.home / "searches" / "trip").exists()


@pytest.mark.long
@pytest.mark.parametrize("seed", [31])
def test_whole_commands_at_any_moment(place, seed):
    """The driver is killed, alone, with its group or twice at once, stopped, or robbed of Ray."""
    draw = random.Random(seed)
    kills = KILLS // 5
    drivers = Drivers(place, place.start, "slow.toml", 2 * kills, "--confirm-seeds", "1")
    for number in range(kills):
        harm = list(HARMS)[number % len(HARMS)]
        driver, seconds = drivers.begin(), draw.uniform(0, LIFE_SECONDS)
        deadline = time.monotonic() + seconds
        until(lambda deadline=deadline: time.monotonic() > deadline, process=driver)
        HARMS[harm](place, driver, drivers)
        done = ended(driver)
        assert "Traceback" not in done.err, (harm, done.err)
        drivers.check_kept()
    for _ in range(2):  # a driver that ended its search may have left nothing to do
        done = ended(drivers.begin())
        assert (done.code, done.out) == (0, ""), done.err
    check_whole(place, drivers.budget)
    check_alone(place)


def kill(place, driver, drivers):
    """Kill the driver alone."""
    driver.kill()


def kill_group(place, driver, drivers):
    """Kill the driver's process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(driver.pid, signal.SIGKILL)


def stop(place, driver, drivers):
    """Stop the driver for some seconds, let it continue, and kill it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(driver.pid, signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        os.kill(driver.pid, signal.SIGCONT)
    until(lambda: False, seconds=2, process=driver)
    driver.kill()


def rob(*words):
    """Return a harm that kills Ray's processes with one of some words in their command."""

    def harm(place, driver, drivers):
        for pid, line in place.running():
            if any(word in line for word in words):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        until(lambda: False, seconds=HURT_SECONDS, process=driver)
        driver.kill()

    return harm


def remove_folder(place, driver, drivers):
    """Remove Ray's folder."""
    for path in place.scratch.glob("swast-ray-*"):
        shutil.rmtree(path, ignore_errors=True)
    until(lambda: False, seconds=HURT_SECONDS, process=driver)
    driver.kill()


def pair(place, driver, drivers):
    """Start a second driver at the same time, and kill both."""
    second = drivers.begin()
    until(lambda: False, seconds=HURT_SECONDS, process=second)
    for each in (second, driver):
        each.kill()
    assert "Traceback" not in ended(second).err


HARMS = {
    "killed": kill,
    "group killed": kill_group,
    "stopped": stop,
    "raylet killed": rob("raylet/raylet"),
    "GCS killed": rob("gcs_server"),
    "folder removed": remove_folder,
    "two at once": pair,
}
