"""Thread that starts or joins Ray and shuts it down, so that neither can block the search."""

from __future__ import annotations

import atexit
import signal
import threading
import time
from collections.abc import Callable

import ray

from search.engine.guard import ended_after
from search.engine.processes import end_marked
from search.engine.signals import OF_THE_KEYBOARD
from search.engine.watch import starting_loss
from search.errors import RayLostError

LOOK_SECONDS = 0.3
"""Pause between two looks whether Ray's processes live while it starts."""
GRACE_SECONDS = 5.0
SHUTDOWN_SECONDS = 15.0
"""Longest wait for Ray to end by itself."""


class RayThread(threading.Thread):
    """Owner of Ray's life in this process.

    Ray's processes end with the thread that started them, so the thread lives as long as Ray. They
    inherit its signal mask: a terminal's signals reach the driver alone.

    Args:
        connect: starts or joins Ray.
        token: in the environment of all processes that are started; None if there are none.
    """

    def __init__(self, connect: Callable[[], None], token: str | None = None) -> None:
        super().__init__(name="ray", daemon=True)
        self._connect, self._token = connect, token
        self._ready, self._end = threading.Event(), threading.Event()
        self._error: Exception | None = None

    def run(self) -> None:
        """Connect, wait for the end, and shut down."""
        signal.pthread_sigmask(signal.SIG_BLOCK, OF_THE_KEYBOARD)
        try:
            self._connect()
        except Exception as error:  # noqa: BLE001 - it is raised where the caller waits
            self._error = error
        self._ready.set()
        self._end.wait()
        ray.shutdown()

    def connect(self, seconds: float) -> None:
        """Start the thread, and wait until Ray runs.

        A thread that was given up may still end its own try: this one begins after it. If Ray
        holds Python's lock for ever, this process is killed.

        Raises:
            RayLostError: it did not in so many seconds, or one of its processes ended.
            Exception: whatever Ray raised.
        """
        silent, look = f"Ray did not answer in {seconds:g} s", starting_loss()
        deadline = time.monotonic() + seconds
        with ended_after(seconds + GRACE_SECONDS, f"swast-search: stopped: {silent}"):
            for thread in _still_alive():
                thread.join(deadline - time.monotonic())
            self.start()
            while not self._ready.wait(LOOK_SECONDS):
                if loss := look():
                    raise RayLostError(loss)
                if time.monotonic() > deadline:
                    raise RayLostError(silent)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Shut Ray down in bounded time; a further interrupt kills its processes at once.

        Processes that are only just starting are killed at once, too: a signal to the whole group
        may have ended some of them, and Ray would wait for these.
        """
        if self.ident is None:  # it was interrupted before it began
            return
        try:
            self._end.set()
            if self._ready.is_set() or self._token is None:
                self.join(SHUTDOWN_SECONDS)
        except KeyboardInterrupt:
            pass
        finally:
            self._clear()

    def _clear(self) -> None:
        """Kill the processes that are left: this process does not wait for a stuck thread."""
        if self._token is not None:
            end_marked(self._token)
            self.join(1)
        if self.is_alive():
            atexit.unregister(ray.shutdown)


def _still_alive() -> list[RayThread]:
    """Return the threads of this kind that have not ended."""
    return [thread for thread in threading.enumerate() if isinstance(thread, RayThread)]
