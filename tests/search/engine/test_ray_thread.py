"""The thread that connects to Ray ends in bounded time, whatever Ray does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

STUCK = """
import ctypes, sys, time
from search.engine import ray_thread
from search.errors import RayLostError
ray_thread.GRACE_SECONDS = 0.2
hold = {hold}
try:
    ray_thread.RayThread(lambda: hold(60)).connect(0.3)
except RayLostError as error:
    print(error, file=sys.stderr)
    sys.stderr.flush()
    import os; os._exit(1)
"""


@pytest.mark.parametrize(
    ("hold", "code"),
    [("time.sleep", 1), ("ctypes.PyDLL(None).sleep", -signal.SIGKILL)],
    ids=["waits", "holds Python's lock"],
)
def test_that_never_answers_is_given_up(hold, code):
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", STUCK.format(hold=hold)], capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, time.monotonic() - began < 40) == (code, True)
    assert done.stderr.endswith("Ray did not answer in 0.3 s\n")
