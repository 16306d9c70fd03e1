"""Peak memory of a block of work in this process."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

OWN = Path("/proc/self")
FORGET_PEAK = "5"
"""Value to write to `clear_refs`: Linux resets a process's peak to its current size (proc(5))."""


class Peak:
    """Context manager that measures a block's peak memory beyond what the process held before.

    Attributes:
        mib: the peak in MiB, set when the block ends.
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
    """Read a size from this process's status, in MiB."""
    lines = (OWN / "status").read_text().splitlines()
    (size,) = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(size) / 1024
