"""Signals that stop a search, and those that pause it.

They reach the main thread only; in other threads nothing changes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

Handler = Callable[..., Any]
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)
"""A termination, a closed terminal, Ctrl-\\, and a limit on processor time."""
OF_THE_KEYBOARD = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}
"""Signals that a terminal sends to a whole group of processes; the driver alone answers them."""
OF_RAY = (signal.SIGTERM, signal.SIGTRAP)
"""Signals whose handlers Ray replaces below Python, and does not restore."""

AGAIN_SECONDS = 0.05
"""Time after which a signal that was lost is sent again."""


class Pausable(Protocol):
    """What an interrupt pauses."""

    def pause(self) -> None:
        """Start nothing more, and let what runs end its epoch."""


def stop(*_: object) -> None:
    """Stop now: raise in the main thread.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise KeyboardInterrupt inside the block at a termination or when the terminal closes.

    A signal that the parent process ignores, as `nohup` ignores SIGHUP, stays ignored.
    """
    with _handlers(dict.fromkeys(STOPPING, stop)), _insisting():
        yield


@contextmanager
def _insisting() -> Iterator[None]:
    """Send a termination inside the block again if what it raised was lost.

    Python drops what is raised in a finalizer or in the callback of a weak reference.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, timers = sys.unraisablehook, list[threading.Timer]()

    def again(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            before(dropped)
            return
        timers.append(threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGTERM)))
        timers[-1].daemon = True
        timers[-1].start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in timers:
            timer.cancel()


@contextmanager
def pausing(work: Pausable) -> Iterator[None]:
    """Pause the work on an interrupt inside the block; raise on a second one or a termination."""

    def pause(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work.pause()

    with stoppable(), _handlers({signal.SIGINT: pause}, ignored=True):
        yield


@contextmanager
def _handlers(
    wanted: Mapping[signal.Signals, Handler], *, ignored: bool = False
) -> Iterator[None]:
    """Set handlers inside the block, and restore them after it.

    Args:
        wanted: handler by signal.
        ignored: set those of ignored signals too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in wanted}
    numbers = [
        number
        for number, old in before.items()
        if old is not None and (ignored or old != signal.SIG_IGN)
    ]
    for number in numbers:
        signal.signal(number, wanted[number])
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def reinstall() -> None:
    """Let Python's handlers hold again after Ray has replaced them."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in OF_RAY:
        handler = signal.getsignal(number)
        if handler is not None:
            signal.signal(number, handler)
