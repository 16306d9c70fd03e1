"""Creation of MLflow stores by processes that are killed, and by several at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from mlflow.tracking import MlflowClient

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own
OPENED = """
import sys
from search.tracking.client import open_store
open_store(sys.argv[1])
"""
KILLED = """
import os, signal
from sqlalchemy import Engine, event

@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, *others):
    if "CREATE TABLE _alembic_tmp" in statement:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def start(source, uri):
    return subprocess.Popen([sys.executable, "-c", source, uri])


@pytest.mark.long
def test_a_store_whose_creator_was_killed_is_created_by_two_at_once(tmp_path):
    """The first is killed during MLflow's migrations, which cannot be resumed."""
    uri = f"sqlite:///{tmp_path}/new/mlflow.db?timeout=60"
    assert start(KILLED + OPENED, uri).wait() == -9
    both = [start(OPENED, uri) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mlflow.db"]
    client = MlflowClient(uri, uri)
    assert [each.name for each in client.search_experiments()] == ["Default"]
    assert client.search_registered_models() == []
