"""Services and profiles that tests share.

A service is started by the first test that asks, once a process or a module.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests import services
from tests.browser import chromium, visiting

# Property tests repeat themselves and are not timed: other work may share the machine.
for name, examples in (("ci", 30), ("long", 300)):
    settings.register_profile(name, max_examples=examples, deadline=None, derandomize=True)
settings.load_profile("ci")  # --hypothesis-profile=long is read after this


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server; `new_database()` gives a test its own. Leave it running."""
    server = services.PostgreSQL()
    yield server
    server.close()


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory):
    """An MLflow server over an SQLite file. Leave it running."""
    folder = tmp_path_factory.mktemp("mlflow")
    server = services.MlflowServer(f"sqlite:///{folder / 'mlflow.db'}", folder)
    yield server
    server.close()


@pytest.fixture(scope="module")
def ray_cluster():
    """A Ray cluster of two nodes. Leave both running."""
    cluster = services.RayCluster()
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser):
    """A page at laptop width (`visit.page`); other hosts asked or scripts failed fail the test."""
    with visiting(browser) as opened:
        yield opened
