"""CPU cores and memory that this process may use: affinity and limits of control groups."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SYSTEM = Path("/")
GIB = 2**30


def cores(system: Path = SYSTEM) -> int:
    """Return the CPU cores that this process may use, at least 1.

    These are the cores of its affinity, and no more than its control groups pay for, rounded down.

    Args:
        system: root of the file system, where ``proc`` and ``sys`` are.
    """
    return max(1, math.floor(min(_affinity(), _quota(system))))


def memory(system: Path = SYSTEM) -> float:
    """Return the GiB of memory that this process may use; infinite if that is not known.

    Args:
        system: root of the file system, where ``proc`` and ``sys`` are.
    """
    limits = [math.inf]
    for line in _read(system / "proc" / "meminfo").splitlines():
        if line.startswith("MemTotal:"):
            limits.append(_number(line.split()[1]) * 1024)
    for folder in _groups(system, "memory"):
        limits.append(_number(_read(folder / "memory.max")))
        limits.append(_number(_read(folder / "memory.limit_in_bytes")))
    return min(limits) / GIB


def held(size: str) -> int:
    """Return a size of this process in bytes.

    Args:
        size: as Linux names it: ``VmSize`` for address space, ``VmData`` for private data.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{size}:"))


def _affinity() -> int:
    """Return the number of cores that the process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(system: Path) -> float:
    """Return the cores that the control groups pay for; infinite without a limit."""
    limits = [math.inf]
    for folder in _groups(system, "cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        limits.append(_number(quota) / _number(period))
        old = _number(_read(folder / "cpu.cfs_quota_us"))
        limits.append(old / _number(_read(folder / "cpu.cfs_period_us")))
    return min(limit for limit in limits if not math.isnan(limit))


def _groups(system: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in, of versions 1 and 2.

    A group is limited by those above it, too. In a container the path of a group may be that on
    its host; then only the top folder exists.
    """
    mounted = system / "sys" / "fs" / "cgroup"
    for line in _read(system / "proc" / "self" / "cgroup").splitlines():
        controllers, _, group = line.partition(":")[2].partition(":")
        if not controllers:
            places = [mounted, mounted / "unified"]
        elif controller in controllers.split(","):
            places = [mounted / controller, mounted / controllers]
        else:
            continue
        path = Path(group.lstrip("/"))
        for place in dict.fromkeys(places):
            yield from (place / part for part in (path, *path.parents) if (place / part).is_dir())


def _read(path: Path) -> str:
    """Return the text of a file; nothing if it cannot be read."""
    with suppress(OSError, ValueError):
        return path.read_text().strip()
    return ""


def _number(text: str) -> float:
    """Return a limit; infinite if the text is none, or not above 0."""
    with suppress(ValueError):
        if (number := float(text)) > 0:
            return number
    return math.inf
