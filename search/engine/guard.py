"""End of a process that cannot end itself.

Ray may wait for ever in code that holds Python's lock. Then no thread of this process runs, and no
signal is handled. Another process, which runs this file, ends it after a while.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_after(seconds: float, line: str) -> Iterator[None]:
    """Kill this process if the block takes longer.

    Args:
        seconds: that it may take.
        line: to print to standard error then.
    """
    command = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(seconds), line]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            yield
        finally:
            guard.kill()


def wait_and_kill(process: int, seconds: float, line: str) -> None:
    """Kill a process and print a line, unless standard input is closed in time."""
    ended, _, _ = select.select([sys.stdin], [], [], seconds)
    if not ended:
        os.write(sys.stderr.fileno(), f"{line}\n".encode())
        os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    wait_and_kill(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
