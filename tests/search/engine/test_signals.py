"""Signals that stop a search, and those that stay ignored."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from search.engine.signals import STOPPING, pausing, stoppable


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_stops_the_block_and_its_handler_is_restored(number):
    before = signal.signal(number, signal.SIG_DFL)  # it may be ignored where tests run

    def receive():
        with stoppable():
            os.kill(os.getpid(), number)

    try:
        with pytest.raises(KeyboardInterrupt):
            receive()
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_hangup_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_signals_stay_as_they_are():
    found = []

    def use():
        with stoppable(), pausing(None):
            found.append(signal.getsignal(signal.SIGHUP))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGHUP)]


class TerminatedInItsFinalizer:
    """Python drops what its finalizer raises."""

    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


def test_a_termination_during_a_finalizer_is_not_lost():
    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), stoppable():  # noqa: PT012
        TerminatedInItsFinalizer()
        time.sleep(10)
    assert sys.unraisablehook is hook


def test_other_errors_of_finalizers_are_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: told.append(found.exc_type))
    finalizer = type("Failing", (), {"__del__": lambda self: 1 / 0})
    with stoppable():
        finalizer()
    assert told == [ZeroDivisionError]
