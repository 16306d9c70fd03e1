"""Searches that are stopped while they start, and two of one name that start at once."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.e2e.checks import check_whole
from tests.e2e.support import ended, prepared, resume, search, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),  # for a story, on a busy machine
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
START_SECONDS, MOMENTS, END_SECONDS = 8, 10, 40
INTERRUPTED = "swast-search: interrupted; --resume continues a search that had begun\n"


@pytest.mark.long
@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_at_any_moment_of_the_start(place, number):
    """The driver ends in bounded time; it leaves no search, or one that can be resumed."""
    longest = 0.0
    for at in range(MOMENTS):
        name = f"trip-{at}"
        driver = place.start(*search("--budget", "2", study="bare.toml", name=name))
        time.sleep(START_SECONDS * (at + 0.5) / MOMENTS)
        began = time.monotonic()
        os.killpg(driver.pid, number)
        done = ended(driver)
        longest = max(longest, time.monotonic() - began)
        print(
            f"{number.name} at {at}: {done.code} {done.err!r} in {time.monotonic() - began:.1f} s"
        )
        assert longest < END_SECONDS
        assert done.code in (1, 130, -number), done.err
        assert done.err in ("", INTERRUPTED)
        assert place.leftovers() == []
    listed = ended(place.fork("swast-search", "list", "--json", "--home", "home"))
    assert (listed.code, listed.err) == (0, "")
    names = [each["name"] for each in json.loads(listed.out)]
    for name in names:
        words = ("swast-search", "--resume", name, "--home", "home", "--quiet")
        done = ended(place.fork(*words, here=True))
        assert (done.code, done.err) == (0, "")
        check_whole(place, 2, name)
    print(f"{number.name}: {len(names)} of {MOMENTS} could be resumed; {longest:.1f} s at most")


def test_a_signal_to_the_group_while_ray_starts(place):
    """As batch systems send it: Ray's own processes die, and Ray would wait for them."""
    driver = place.fork(*search("--budget", "2", study="bare.toml"))
    assert until(lambda: [*place.scratch.rglob("gcs_server_port*")], seconds=60)
    began = time.monotonic()
    os.killpg(driver.pid, signal.SIGTERM)
    done = ended(driver)
    print(f"ended in {time.monotonic() - began:.1f} s")
    assert (done.code, done.err) == (1, INTERRUPTED)
    assert place.leftovers() == []


def test_the_loss_of_rays_control_process_while_it_starts(place):
    """Ray itself would try to reach it again for a minute, and say so in lines of its own."""
    driver = place.fork(*search("--budget", "2", study="bare.toml"))
    assert until(lambda: [*place.scratch.rglob("gcs_server_port*")], seconds=60)
    began = time.monotonic()
    (number,) = [number for number, line in place.running() if "gcs_server" in line.split()[0]]
    os.kill(number, signal.SIGKILL)
    done = ended(driver)
    print(f"ended in {time.monotonic() - began:.1f} s")
    said = "swast-search: Ray's control process (GCS) ended while it started\n"
    assert (done.code, done.err) == (1, said)
    assert place.leftovers() == []


def check_two_at_once(place, start, **more):
    """Check that of two drivers of one name, begun at once, one runs and the other is refused."""
    words = search("--budget", "2", "--quiet", study="bare.toml")
    both = [ended(each) for each in [start(*words, **more), start(*words, **more)]]
    refused, done = sorted(both, key=lambda each: -each.code)
    assert (done.code, done.err) == (0, "")
    assert (refused.code, refused.out) == (2, "")
    assert "'trip'" in refused.err
    assert len(refused.err.splitlines()) == 1
    check_whole(place, 2)
    more_words = resume("--quiet", "--budget", "4")
    both = [ended(each) for each in [start(*more_words, **more), start(*more_words, **more)]]
    assert {each.code for each in both} <= {0, 2}
    assert 0 in {each.code for each in both}
    assert [each.err for each in both if each.code] in (
        [],  # the second began when the first had ended
        ["swast-search: search 'trip' is being run by another process\n"],
    )
    check_whole(place, 4)
    print(refused.err, both)


@pytest.mark.parametrize("furnished", [False, pytest.param(True, marks=pytest.mark.long)])
def test_two_of_a_name_at_once(tmp_path, furnished):
    """They may have to make the home and its databases, too."""
    with prepared(tmp_path, furnished=furnished) as place:
        check_two_at_once(place, place.fork, here=True)


@pytest.mark.long
@pytest.mark.parametrize("attempt", range(5))
def test_two_whole_commands_of_a_name_at_once(tmp_path, attempt):
    with prepared(tmp_path, furnished=bool(attempt % 2)) as place:
        check_two_at_once(place, place.start)
        assert place.leftovers() == []
        assert until(lambda: not place.processes(), seconds=10)
