"""Property tests repeat themselves and are not timed: other work may share the machine."""

from __future__ import annotations

import contextlib

import pytest
from alembic.script import ScriptDirectory

from search.store.process import process_settings
from tests.search.invented import hasty


@pytest.fixture(scope="session", autouse=True)
def settings_of_a_search():
    """Variables and loggers as in a command."""
    with process_settings():
        yield


@contextlib.contextmanager
def quick():
    """Let databases not outlive the machine, and ask once what schema is the newest.

    To find that, Optuna and MLflow run the files of all their migrations for each that they open.
    """
    known = {}

    def remembering(look):
        def remembered(script):
            key = look, script.dir
            if key not in known:
                known[key] = look(script)
            return known[key]

        return remembered

    with hasty(), pytest.MonkeyPatch.context() as patch:
        for look in (ScriptDirectory.get_current_head, ScriptDirectory.get_heads):
            patch.setattr(ScriptDirectory, look.__name__, remembering(look))
        yield


@pytest.fixture(scope="module", autouse=True)
def quick_databases():
    """Quick databases, as above."""
    with quick():
        yield
