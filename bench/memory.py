"""What some work takes of this process's memory, at its most."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

OWN = Path("/proc/self")
FORGET_PEAK = "5"
"""Written to `clear_refs`, it makes Linux take what a process holds now for its peak (proc(5))."""


class Peak:
    """A block of work, whose peak beyond what the process held before is read afterwards.

    Attributes:
        mib: the peak in MiB, after the block.
    """

    mib = 0.0

    def __enter__(self) -> Peak:
        (OWN / "clear_refs").write_text(FORGET_PEAK)
        self._before = held("VmRSS")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.mib = held("VmHWM") - self._before


def held(name: str) -> float:
    """A line of this process's status that is a size, in MiB."""
    lines = (OWN / "status").read_text().splitlines()
    (size,) = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(size) / 1024
