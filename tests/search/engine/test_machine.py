"""Cores and memory that a process may use, read from folders made like ``/proc`` and ``/sys``."""

from __future__ import annotations

import math
import os

import pytest

from search.engine import machine
from search.engine.resources import Resources

MEMINFO = {"proc/meminfo": "MemTotal:       16777216 kB\nMemFree: 1 kB\n"}
OLD = "4:memory:/docker/ab\n1:cpu,cpuacct:/docker/ab\n"
FAR = 10**6


def system(folder, files):
    """A root of a file system with some files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("", {}, FAR),
        ("0::/\n", {"cpu.max": "max 100000\n"}, FAR),
        ("0::/\n", {"cpu.max": "300000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "290000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/a/b\n", {"cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, FAR),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2),
        ("0::/host/path\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/\n", {"cpu.max": "half 100000\n"}, FAR),
        (OLD, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, FAR),
        (OLD, {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        (
            OLD,
            {
                "cpu,cpuacct/docker/ab/cpu.cfs_quota_us": "500000",
                "cpu,cpuacct/docker/ab/cpu.cfs_period_us": "100000",
            },
            5,
        ),
        ("\0\xff:not: this", {"cpu.max": ""}, FAR),
    ],
)
def test_cores_that_control_groups_pay_for(tmp_path, monkeypatch, groups, files, expected):
    if expected == FAR and "a/cpu.max" in files:
        (tmp_path / "sys/fs/cgroup/a/b").mkdir(parents=True)
        expected = 2
    files = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(FAR), raising=False)
    assert machine.cores(system(tmp_path, files | {"proc/self/cgroup": groups})) == expected


@pytest.mark.parametrize(("affinity", "expected"), [({0}, 1), ({3, 5, 7}, 3), (range(64), 4)])
def test_cores_of_the_affinity(tmp_path, monkeypatch, affinity, expected):
    files = {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "400000 100000"}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: affinity, raising=False)
    assert machine.cores(system(tmp_path, files)) == expected


def test_cores_of_a_process_on_one_core():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine.cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("", {}, math.inf),
        ("0::/\n", MEMINFO, 16),
        ("0::/\n", MEMINFO | {"sys/fs/cgroup/memory.max": "max"}, 16),
        ("0::/\n", MEMINFO | {"sys/fs/cgroup/memory.max": str(2**32)}, 4),
        ("0::/a\n", MEMINFO | {"sys/fs/cgroup/a/memory.max": str(2**31)}, 2),
        (OLD, MEMINFO | {"sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**63 - 4096)}, 16),
        (OLD, MEMINFO | {"sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**33)}, 8),
    ],
)
def test_memory_that_control_groups_allow(tmp_path, groups, files, expected):
    assert machine.memory(system(tmp_path, files | {"proc/self/cgroup": groups})) == expected


@pytest.mark.parametrize(
    ("per_trial", "there", "expected"),
    [(math.inf, 16, 8), (math.inf, math.inf, 8), (4, 16, 4), (6, 16, 2), (64, 16, 1), (1, 16, 8)],
)
def test_trials_that_fit_into_the_memory(per_trial, there, expected):
    assert Resources(0, memory_per_trial=per_trial).concurrency(8, 0, there) == expected
