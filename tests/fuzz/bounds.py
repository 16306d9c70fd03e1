"""Bounds of an input: seconds of processor time, memory, and what a command may print."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swast.errors import MOST_LINES, MOST_WHOLE

SECONDS = 5.0
"""Processor time of an input: the machine may be loaded by others."""
MEMORY = 500 * 2**20
"""Bytes that an input may add to the memory of this process."""
LINE = MOST_WHOLE + 40
"""Characters of a line of errors, with the name of the program and a mark where it is cut."""
CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Characters that a terminal obeys or hides, and halves of characters."""


class Fault(Exception):  # noqa: N818
    """A bound that an input broke."""


class TooSlow(BaseException):
    """The processor time is over, wherever that happens: nothing but this module catches it."""


@dataclass
class Spent:
    """What an input took: seconds of processor time, and bytes added to the memory."""

    seconds: float = 0.0
    memory: int = 0


@contextlib.contextmanager
def bounded(runs: int = 1) -> Iterator[Spent]:
    """Fail a block that takes too much processor time or memory.

    Args:
        runs: of commands in the block, each of which may take `SECONDS`.

    Raises:
        Fault: it did.
    """

    def late(*_: object) -> None:
        raise TooSlow

    spent, most = Spent(), SECONDS * runs
    before = signal.signal(signal.SIGPROF, late)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    resident = _memory("VmRSS")
    signal.setitimer(signal.ITIMER_PROF, most)
    try:
        yield spent
    except TooSlow:
        raise Fault(f"over {most:.0f} s of processor time") from None
    finally:
        left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        spent.seconds = most - left
        spent.memory = max(0, _memory("VmHWM") - resident)
    if not left:
        raise Fault(f"over {most:.0f} s of processor time, and the signal was swallowed")
    if spent.memory > MEMORY:
        raise Fault(f"took {spent.memory >> 20} MiB")


def _memory(name: str) -> int:
    """Return a figure of this process in bytes, as ``VmHWM``, the peak."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024


def check_lines(lines: list[str]) -> None:
    """Check that lines can be shown to a user.

    Raises:
        Fault: they are too many, too long, empty, or have control characters.
    """
    if not 1 <= len(lines) <= MOST_LINES:
        raise Fault(f"{len(lines)} lines of errors")
    for line in lines:
        if len(line) > LINE or not line.strip() or CONTROL.search(line):
            raise Fault(f"a line of {len(line)} characters: {line[:500]!a}")


def check_printed(code: object, out: str, err: str) -> None:
    """Check how a command ended.

    Raises:
        Fault: its exit code is not 0, 1 or 2, or it printed what it should not.
    """
    if code not in (0, 1, 2):
        raise Fault(f"exit code {code!r}")
    if code or err:
        check_lines(err.splitlines())
    if CONTROL.search(out):
        raise Fault(f"a control character on standard output: {CONTROL.search(out)!r}")
