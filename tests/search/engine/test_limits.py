"""Limits of the shell: raised where that is allowed, else refused in a line."""

from __future__ import annotations

import math
import os
import resource

import pytest

from search.cli import main
from search.engine import limits
from search.errors import RequestError


@pytest.fixture
def fake(monkeypatch):
    """Limits that are set by a test, in place of those of this process."""
    held = {}

    def set_limit(number, values):
        held[number] = values

    monkeypatch.setattr(resource, "getrlimit", held.get)
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(limits, "threads_of", lambda user: 100)
    monkeypatch.setattr(limits, "object_store", lambda: 2**20)
    monkeypatch.setattr(limits, "address_space", lambda: 2**21)
    held.update({each.number: (resource.RLIM_INFINITY,) * 2 for each in limits.LIMITS})
    return held


@pytest.mark.parametrize("limit", limits.LIMITS, ids=lambda limit: limit.command)
class TestALimit:
    def test_is_raised_where_that_is_allowed(self, fake, limit):
        fake[limit.number] = (64, resource.RLIM_INFINITY)
        limits.ensure(limit, 2)
        soft, hard = fake[limit.number]
        assert soft >= limit.needed(2)
        assert hard == resource.RLIM_INFINITY

    def test_that_is_too_low_is_refused_with_what_is_needed(self, fake, limit):
        fake[limit.number] = (64, 128)
        with pytest.raises(RequestError, match=f"^{limit.command} allows ") as caught:
            limits.ensure(limit, 2)
        least = limit.needed(2) + {limits.THREADS: 100, limits.SPACE: 2**21}.get(limit, 0)
        assert f"needs {math.ceil(least / limit.unit)};" in str(caught.value)
        assert fake[limit.number] == (64, 128)

    def test_that_is_high_enough_stays(self, fake, limit):
        fake[limit.number] = (2**40, 2**41)
        limits.ensure(limit, 2)
        assert fake[limit.number] == (2**40, 2**41)


def test_limits_are_restored_after_a_search():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowered = (300, before[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, lowered)
    try:
        with limits.respected(2):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > lowered[0]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == lowered
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_threads_of_a_user_are_counted(tmp_path):
    for name in ("1/task/1", "2/task/2", "2/task/3", "self/task/9"):
        (tmp_path / name).mkdir(parents=True)
    assert limits.threads_of(os.getuid(), tmp_path) == 3
    assert limits.threads_of(os.getuid() + 1, tmp_path) == 0


def test_a_search_with_few_files_is_refused_before_anything_is_written(
    fake, tmp_path, monkeypatch, capsys
):
    fake[resource.RLIMIT_NOFILE] = (200, 200)
    home = tmp_path / "home"
    assert main(["--study", "digits", "--gpus", "0", "--home", str(home)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("swast-search: ulimit -n allows 200 open files, and a search with ")
    assert not home.exists()
