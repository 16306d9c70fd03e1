"""Watch over Ray: a search ends in bounded time when Ray does."""

from __future__ import annotations

import ctypes
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ray

from search.engine.processes import ended_children
from search.errors import RayLostError

SECONDS = 0.5
"""Pause between two looks."""
SILENT_SECONDS = 20.0
"""A cluster that cannot be connected to for so long is lost. Ray ends the driver after 60 s."""
NEEDED = {"gcs_server": "Ray's control process (GCS)", "raylet": "Ray's scheduler (raylet)"}


class Watch(threading.Thread):
    """Thread that looks whether Ray's processes live, and interrupts the thread that needs them.

    Args:
        look: returns how Ray was lost, or None.
    """

    def __init__(self, look: Callable[[], str | None]) -> None:
        super().__init__(name="ray-watch", daemon=True)
        self._look, self._end = look, threading.Event()
        self._lock, self._interrupted = threading.Lock(), 0
        self._worker: int | None = None
        self._loss: str | None = None

    def run(self) -> None:
        """Look until the end; interrupt again and again, since Tune may catch an interrupt."""
        while not self._end.wait(SECONDS):
            if self.loss() is not None:
                with self._lock:
                    if self._worker is not None:
                        _raise_in(self._worker, KeyboardInterrupt)
                self._end.wait(4 * SECONDS)

    def loss(self) -> str | None:
        """Return how Ray was lost, or None."""
        if self._loss is None and not self._end.is_set():
            self._loss = self._look()
        return self._loss

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Interrupt the block if Ray is lost.

        Raises:
            RayLostError: it was.
        """
        with self._lock:
            self._worker = threading.get_ident()
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            self._settle()
            if self.loss() is None and isinstance(error, Exception):
                time.sleep(SECONDS)  # Ray may raise just before its processes are gone
            if (loss := self.loss()) is not None:
                raise RayLostError(loss) from None
            raise
        self._settle()
        if (loss := self.loss()) is not None:
            raise RayLostError(loss)

    def _settle(self) -> None:
        """Interrupt no more, and withdraw an interrupt that has not arrived."""
        with self._lock:
            if self._worker is not None:
                _raise_in(self._worker, None)
            self._worker = None

    def close(self) -> None:
        """Look no more."""
        self._end.set()
        self.join()


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raise an error in a thread at its next step of Python, or withdraw that."""
    given = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), given)


def starting_loss() -> Callable[[], str | None]:
    """Return the look at a Ray that this process starts from now on."""
    before = ended_children().keys()

    def look() -> str | None:
        ended = [name for number, name in ended_children().items() if number not in before]
        lost = next((name for name in ended if name in NEEDED), None)
        return None if lost is None else f"{NEEDED[lost]} ended while it started"

    return look


def own_loss(folder: Path) -> Callable[[], str | None]:
    """Return the look at a Ray that was started here with its files in a folder."""

    def look() -> str | None:
        node = ray._private.worker._global_node
        with suppress(AttributeError, RuntimeError):  # Ray may be starting or ending
            for name, process in node.dead_processes():
                if name in NEEDED:
                    return f"{NEEDED[name]} ended unexpectedly ({_ending(process.returncode)})"
        return None if folder.is_dir() else f"Ray's folder {folder} was removed"

    return look


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def cluster_loss(address: str) -> Callable[[], str | None]:
    """Return the look at a cluster at an address."""
    host, _, port = address.rpartition(":")
    heard = time.monotonic()

    def look() -> str | None:
        nonlocal heard
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
                heard = time.monotonic()
        except OSError:
            if time.monotonic() - heard > SILENT_SECONDS:
                return f"the Ray cluster at {address} does not answer any more"
        return None

    return look
