"""A target: how its inputs are drawn, and how one is tried."""

from __future__ import annotations

import io
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.bounds import Spent, bounded

FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A file system in memory, if there is one: inputs are many, and their files small."""


@dataclass(frozen=True)
class Target:
    """Something that takes inputs.

    Attributes:
        draw: returns a random input, the content of a file.
        attempt: tries an input in an empty folder, which is the current one; it raises anything if
            that is a fault.
        examples: inputs in CI.
        ending: of the files that keep its inputs.
        runs: commands that an input runs, each of which may take the time of an input.
        share: of the time of a longer run, relative to other targets.
    """

    draw: Callable[[random.Random], bytes]
    attempt: Callable[[bytes, Path], None]
    examples: int = 30
    ending: str = "json"
    runs: int = 1
    share: float = 1.0

    def try_out(self, content: bytes) -> Spent:
        """Try an input within the bounds, and return what it took.

        Raises:
            Exception: whatever is a fault.
        """
        folder, before = Path(tempfile.mkdtemp(prefix="swast-fuzz-", dir=FAST)), Path.cwd()
        os.chdir(folder)
        try:
            with bounded(self.runs) as spent, redirect_stderr(io.StringIO()) as printed:
                self.attempt(content, folder)
            assert "Traceback" not in printed.getvalue(), printed.getvalue()
        finally:
            os.chdir(before)
            shutil.rmtree(folder, ignore_errors=True)
        return spent
