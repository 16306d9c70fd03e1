"""Variables and users that would break the libraries of a command."""

from __future__ import annotations

import getpass
import os
import pwd
import warnings
from pathlib import Path

import pytest

from swast import surroundings


@pytest.fixture
def unknown(monkeypatch):
    """A user without an entry in the system's table and without variables."""

    def missing(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", missing)
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


def test_a_user_unknown_to_the_system_has_a_number_and_a_home(unknown, monkeypatch):
    changed = os.environ.copy()
    surroundings.name_user(changed)
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert (getpass.getuser(), Path.home()) == (str(os.getuid()), Path("/"))


def test_a_user_with_a_name_and_a_home_keeps_them(unknown, monkeypatch):
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("LOGNAME", "ada")
    changed = os.environ.copy()
    surroundings.name_user(changed)
    assert changed == dict(os.environ)


@pytest.mark.parametrize(
    ("name", "value", "is_kept"),
    [
        ("OMP_NUM_THREADS", "4", True),
        ("OMP_NUM_THREADS", " 4, 2 ", True),
        ("OMP_NUM_THREADS", "0", False),
        ("OMP_NUM_THREADS", "-1", False),
        ("OMP_NUM_THREADS", "", False),
        ("MKL_NUM_THREADS", "many", False),
        ("COLUMNS", "80", True),
        ("COLUMNS", "0", False),
        ("COLUMNS", "3", False),
        ("COLUMNS", "-5", False),
        ("COLUMNS", "wide", False),
        ("COLUMNS", "²", False),
        ("COLUMNS", "9" * 5000, False),
        ("OTHER", "0", True),
    ],
)
def test_odd_numbers_are_dropped(name, value, is_kept):
    variables = {name: value}
    surroundings.drop_odd(variables)
    assert variables == ({name: value} if is_kept else {})


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("error", ""),
        ("default,error::DeprecationWarning,ignore::UserWarning", "default,ignore::UserWarning"),
        ("always", "always"),
        (None, None),
    ],
)
def test_no_warning_is_an_error(given, left):
    variables = {} if given is None else {"PYTHONWARNINGS": given}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        surroundings.forgive_warnings(variables)
        warnings.warn("soon", DeprecationWarning, stacklevel=1)
    assert variables.get("PYTHONWARNINGS") == left
