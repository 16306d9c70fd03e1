"""Limits of this process under which Ray cannot start: it would hang, or end this process."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from search.errors import RequestError

GIB = 2**30
STORE_SHARE = 0.3
"""Share of the free memory that Ray's object store maps in each process."""
ROOM_GIB = 4.0
"""Address space that a process of Ray needs beside the object store."""
THREADS, THREADS_OF_A_WORKER = 250, 60
FILES = 256


def refuse_limits() -> None:
    """Refuse limits of address space, threads and files that are too low for Ray.

    Raises:
        RequestError: one is.
    """
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY and space < (need := address_space()):
        raise RequestError(
            f"the limit on address space (ulimit -v) is {space / GIB:.1f} GiB, and Ray needs "
            f"{need / GIB:.1f} GiB here: raise it with `ulimit -v unlimited`, or ask your batch "
            "system for more (h_vmem)"
        )
    most, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if most != resource.RLIM_INFINITY and os.geteuid() != 0:  # root has no such limit
        left, need = most - threads_of(os.geteuid()), threads()
        if left < need:
            raise RequestError(
                f"the limit on processes (ulimit -u) leaves {max(left, 0)} threads, and Ray needs "
                f"{need}: raise it"
            )
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < FILES:
        raise RequestError(
            f"the limit on open files (ulimit -n) is {files}, and Ray needs {FILES}: raise it"
        )


def address_space() -> int:
    """Return the bytes of address space that this process needs with Ray in it."""
    free = _kibibytes("/proc/meminfo", "MemAvailable")
    here = _kibibytes("/proc/self/status", "VmSize")
    return round((here + STORE_SHARE * free) * 1024 + ROOM_GIB * GIB)


def _kibibytes(file: str, name: str) -> int:
    """Return a value of a file of the kernel's."""
    lines = Path(file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def threads() -> int:
    """Return the threads of a Ray with a worker for each CPU."""
    return THREADS + THREADS_OF_A_WORKER * (os.cpu_count() or 1)


def threads_of(user: int) -> int:
    """Return the threads that a user runs, which the limit on processes counts."""
    found = 0
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if path.stat().st_uid == user:
                found += sum(1 for _ in (path / "task").iterdir())
    return found
