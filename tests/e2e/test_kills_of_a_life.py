"""Commands that are killed, stopped and robbed of Ray at any moment of a search's whole life.

``SWAST_KILLS`` is the number of drivers that are killed in the long stories, four fifths of them
where they train in their own process. ``SWAST_SEED`` draws other moments.
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
SEED = int(os.environ.get("SWAST_SEED", "23"))
PHASES = {None: 1890, "read_front": 540, "write_report": 125}
"""Touches of the home by a driver that makes a search and trains, reads its front, reports it.

They are counted from the call of a function on. A driver that resumes may make fewer.
"""
LIFE_SECONDS, STOPPED_SECONDS, HURT_SECONDS = 30, 60, 100
STUDY = ("bare.toml", 3, "--confirm-seeds", "1")
FRONT = ("export", "trip", "--pick", "front", "--out", "best")
COMMANDS = {
    "show": (("show", "trip", "--json"), 76, (0,)),
    "export": (FRONT, 76, (0,)),
    "verify": (("verify",), 20, (0,)),
    "report": (("report", "trip"), 78, (0,)),
    "sync": (("sync", "trip"), 510, (0,)),
    "gc": (("gc",), 199, (0,)),
    "delete": (("delete", "trip", "--yes"), 231, (0, 2)),
}
"""Commands after a search, in this order; touches of the home; exit codes when repeated."""


@pytest.mark.long
def test_a_driver_at_any_touch_of_its_life(tmp_path):
    """Half of them die while trials run, the others from the readings of the front on.

    One search after another is made, until so many drivers are killed.
    """
    draw, left = random.Random(SEED), KILLS - KILLS // 5
    for number in itertools.count():
        folder = tmp_path / str(number)
        folder.mkdir()
        with prepared(folder) as place:
            drivers = Drivers(place, place.fork, *STUDY)
            while left:
                phase = draw.choice([None, *PHASES])
                touch = draw.randrange(1, PHASES[phase])
                driver = drivers.begin(here=True, touch=touch, phase=phase)
                if not drivers.check_killed(driver):
                    break
                left -= 1
            drivers.end(here=True)
            assert [path.name for path in place.scratch.iterdir() if path.is_dir()] == []
            assert place.processes() == []
        if not left:
            break


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.long)])
def test_commands_after_the_search(place, kills):
    """Each is killed, and then does what it has to as if it never had been."""
    draw = random.Random(SEED)
    drivers = Drivers(place, place.fork, "bare.toml", 2)
    drivers.end(here=True)
    front = place.front()
    for name, (words, touches, codes) in COMMANDS.items():
        files = (place.folder / "best").iterdir() if name == "verify" else ()
        command = ("swast-search", *words, *files, "--home", "home")
        for _ in range(kills):
            killed = ended(place.fork(*command, here=True, touch=draw.randrange(1, touches)))
            assert killed.code in (*codes, -signal.SIGKILL), (name, killed.err)
        done = ended(place.fork(*command, here=True))
        assert done.code in codes, (name, done.err)
        if name == "export":
            written = list((place.folder / "best").iterdir())
            assert len([read_config(path) for path in written]) == len(front)
        if name != "delete":
            check_whole(place, 2)
    listed = ended(place.fork("swast-search", "list", "--json", "--home", "home"))
    assert (listed.code, json.loads(listed.out)) == (0, [])
    assert not (place.home / "searches" / "trip").exists()
    assert [path.name for path in place.scratch.iterdir() if path.is_dir()] == []


@pytest.mark.long
def test_whole_commands_at_any_moment(place):
    """The driver is killed, alone or with its group, stopped, or robbed of Ray."""
    draw = random.Random(SEED)
    kills = KILLS // 5
    drivers = Drivers(place, place.start, "slow.toml", 2 * kills, "--confirm-seeds", "1")
    for number in range(kills):
        harm = list(HARMS)[number % len(HARMS)]
        driver, seconds = drivers.begin(), draw.uniform(0, LIFE_SECONDS)
        deadline = time.monotonic() + seconds
        until(lambda deadline=deadline: time.monotonic() > deadline, process=driver)
        HARMS[harm](place, driver)
        done = ended(driver)
        drivers.kills += done.code != 0
        assert "Traceback" not in done.err, (harm, done.err)
        print(f"{harm} after {seconds:.0f} s: exit code {done.code} {done.err.strip()!r}")
        drivers.check_kept()
    for _ in range(2):  # a driver that ended its search may have left nothing to do
        done = ended(drivers.begin())
        assert (done.code, done.out) == (0, ""), done.err
    drivers.end()
    check_alone(place)


def kill(place, driver):
    """Kill the driver alone."""
    driver.kill()


def kill_group(place, driver):
    """Kill the driver's process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(driver.pid, signal.SIGKILL)


def stop(place, driver):
    """Stop the driver for a minute, let it continue, and kill it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(driver.pid, signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        os.kill(driver.pid, signal.SIGCONT)
    until(lambda: False, seconds=2, process=driver)
    driver.kill()


def rob(word):
    """Return a harm that kills Ray's processes with a word in their command, once they are there.

    The driver ends by itself.
    """

    def harm(place, driver):
        def found():
            return [pid for pid, line in place.running() if word in line]

        until(found, process=driver)
        for pid in found():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert until(lambda: driver.poll() is not None, seconds=HURT_SECONDS), word

    return harm


def remove_folder(place, driver):
    """Remove Ray's folder once it is there; the driver ends by itself."""
    until(lambda: list(place.scratch.glob("swast-ray-*/r/session_*/sockets")), process=driver)
    for path in place.scratch.glob("swast-ray-*"):
        shutil.rmtree(path, ignore_errors=True)
    assert until(lambda: driver.poll() is not None, seconds=HURT_SECONDS)


HARMS = {
    "killed": kill,
    "group killed": kill_group,
    "stopped": stop,
    "raylet killed": rob("raylet/raylet"),
    "GCS killed": rob("gcs_server"),
    "folder removed": remove_folder,
}
