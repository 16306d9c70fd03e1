"""The thread that connects to Ray ends in bounded time, whatever Ray does."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from search.engine import ray_thread

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


def test_that_is_interrupted_while_it_connects_is_not_awaited(monkeypatch):
    """It waits for processes that are killed; one that follows begins after it."""
    ended = []
    monkeypatch.setattr(ray_thread, "end_marked", ended.append)
    go_on, order = threading.Event(), []
    first = ray_thread.RayThread(lambda: (go_on.wait(60), order.append("first")), "token")
    monkeypatch.setattr(first._ready, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        first.connect(60)
    began = time.monotonic()
    first.close()
    assert (ended, time.monotonic() - began < 10) == (["token"], True)
    threading.Timer(0.5, go_on.set).start()
    second = ray_thread.RayThread(lambda: order.append("second"))
    second.connect(60)
    second.close()
    assert order == ["first", "second"]


def interrupt(_):
    """Stand in for a wait in which an interrupt comes."""
    raise KeyboardInterrupt
