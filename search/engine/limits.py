"""Limits that the shell or a batch system sets on processes (`ulimit`)."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from search.engine import machine
from search.errors import RequestError

MIB = 2**20
STORE_SHARE = 0.3
"""Part of the memory that Ray takes for its objects."""


@dataclass(frozen=True)
class Limit:
    """Limit of the system on a process.

    Attributes:
        number: of the limit in `resource`.
        command: shows and sets it in a shell.
        noun: names the limited resource.
        unit: of the shell's numbers.
        base: least that Ray needs.
        each: addition for a worker.
    """

    number: int
    command: str
    noun: str
    unit: int
    base: int
    each: int = 0

    def needed(self, workers: int) -> int:
        """Return the least value for a search with so many workers."""
        return self.base + self.each * workers


FILES = Limit(resource.RLIMIT_NOFILE, "ulimit -n", "open files", 1, 384, 24)
THREADS = Limit(resource.RLIMIT_NPROC, "ulimit -u", "processes and threads", 1, 320, 48)
FILE_SIZE = Limit(resource.RLIMIT_FSIZE, "ulimit -f", "KiB of a file", 1024, MIB)
STACK = Limit(resource.RLIMIT_STACK, "ulimit -s", "KiB of stack", 1024, MIB)
SPACE = Limit(resource.RLIMIT_AS, "ulimit -v", "KiB of address space", 1024, 4 * 2**30)
LIMITS = (SPACE, FILES, THREADS, FILE_SIZE, STACK)


@contextmanager
def respected(workers: int) -> Iterator[None]:
    """Raise the limits of this process as far as is allowed, and refuse those that are too low.

    They hold for the processes that start inside the block.

    Args:
        workers: that run at a time.

    Raises:
        RequestError: a limit is too low for Ray, which would hang.
    """
    before = {each.number: resource.getrlimit(each.number) for each in LIMITS}
    try:
        for limit in LIMITS:
            ensure(limit, workers)
        yield
    finally:
        for number, values in before.items():
            with suppress(ValueError, OSError):
                resource.setrlimit(number, values)


def ensure(limit: Limit, workers: int) -> None:
    """Raise a limit to the needed value if it is lower.

    Raises:
        RequestError: that is not allowed.
    """
    needed = limit.needed(workers)
    if limit is FILE_SIZE:
        needed = max(needed, object_store())
    if limit is SPACE:
        needed += address_space()
    if limit is THREADS:
        if os.geteuid() == 0:
            return  # the limit does not hold for root
        needed += threads_of(os.getuid())
    soft, hard = (_finite(value) for value in resource.getrlimit(limit.number))
    if soft >= needed:
        return
    if hard < needed:
        raise RequestError(
            f"{limit.command} allows {int(hard) // limit.unit} {limit.noun}, and a search with "
            f"{workers} workers needs {math.ceil(needed / limit.unit)}; raise the limit"
        )
    resource.setrlimit(limit.number, (needed, resource.getrlimit(limit.number)[1]))


def address_space() -> int:
    """Return the bytes that this process maps, and those of Ray's object store, mapped too."""
    return machine.held("VmSize") + object_store()


def object_store() -> int:
    """Return the bytes of the one file that Ray keeps objects in: a part of the memory."""
    there = machine.memory()
    return int(STORE_SHARE * there * machine.GIB) if there < math.inf else 0


def threads_of(user: int, processes: Path = Path("/proc")) -> int:
    """Return the number of threads that a user runs."""
    count = 0
    for folder in processes.glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if folder.stat().st_uid == user:
                count += len(list((folder / "task").iterdir()))
    return count


def _finite(value: int) -> float:
    """Return a limit as a number; infinite if there is none."""
    return math.inf if value == resource.RLIM_INFINITY else value
