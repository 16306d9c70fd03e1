"""Warnings and log messages of libraries, and of users."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from contextlib import suppress

import pytest

from swast.libraries import INTERRUPTING, LIBRARIES, importing, libraries_silent


def warn(module):
    """Warn from a module of that name."""
    warnings.warn_explicit("a warning", UserWarning, f"{module}.py", 1, module, registry={})


@pytest.fixture(autouse=True)
def no_option(monkeypatch):
    """Let Python's options set no filters."""
    monkeypatch.setattr(sys, "warnoptions", [])


@pytest.fixture(autouse=True)
def new_loggers(monkeypatch):
    """Give every library a logger as it is before anybody sets a level."""
    loggers = {**logging.Logger.manager.loggerDict}
    for name in LIBRARIES:
        loggers.pop(name, None)
    monkeypatch.setattr(logging.Logger.manager, "loggerDict", loggers)


@pytest.mark.parametrize("module", ["optuna.distributions", "torch", "sklearn.base", "search.cli"])
def test_warnings_of_libraries_are_suppressed(module):
    with libraries_silent():
        warn(module)
    with pytest.raises(UserWarning, match="a warning"):
        warn(module)


@pytest.mark.parametrize("module", ["__main__", "mine.net", "torchlike", "opt"])
def test_warnings_of_users_are_shown(module):
    with libraries_silent(), pytest.raises(UserWarning, match="a warning"):
        warn(module)


def test_warnings_are_shown_to_who_asks_for_them(monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    with libraries_silent(), pytest.raises(UserWarning, match="a warning"):
        warn("optuna")


def test_log_messages_of_libraries_are_errors_alone(caplog):
    with libraries_silent():
        for name in (*LIBRARIES, "mine"):
            logging.getLogger(name).warning("a warning")
            logging.getLogger(name).error("an error")
    said = [(each.name, each.levelname) for each in caplog.records]
    assert said == [
        *((name, "ERROR") for name in LIBRARIES),
        ("mine", "WARNING"),
        ("mine", "ERROR"),
    ]


def test_nothing_stays_changed():
    def state():
        loggers = [logging.getLogger(name) for name in LIBRARIES]
        return list(warnings.filters), [(each.level, list(each.handlers)) for each in loggers]

    before = state()
    with pytest.raises(ZeroDivisionError), libraries_silent():
        raise ZeroDivisionError
    assert state() == before


def test_a_library_that_sets_its_level_when_it_is_imported_has_it_afterwards(monkeypatch, caplog):
    monkeypatch.setattr("swast.libraries.LIBRARIES", ("chatty",))
    logger = logging.getLogger("chatty")
    with libraries_silent():
        with libraries_silent():
            logger.setLevel(logging.INFO)
            logging.getLogger("chatty.part").info("a message")
        logging.getLogger("chatty.part").warning("a warning")
        logger.setLevel(logging.CRITICAL)
        logger.error("an error")
        logger.setLevel("INFO")
    assert not caplog.records
    assert logger.level == logging.INFO
    assert "setLevel" not in vars(logger)


@pytest.mark.parametrize("number", INTERRUPTING)
def test_an_import_is_whole_before_a_signal_that_it_would_catch_is_handled(number):
    before, done = signal.signal(number, signal.default_int_handler), []

    def take_in():
        with importing(), suppress(KeyboardInterrupt):
            signal.raise_signal(number)
            done.append("all")

    try:
        with pytest.raises(KeyboardInterrupt):
            take_in()
        assert done == ["all"]
        assert signal.getsignal(number) == signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_so_while_something_is_imported():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with importing():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
