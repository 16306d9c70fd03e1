"""The surroundings of targets: nothing starts that takes long."""

from __future__ import annotations

import pytest

from tests.fuzz import home


@pytest.fixture(scope="module", autouse=True)
def nothing_starts():
    """Let no training, no Ray, no server and no download start."""
    with home.nothing_starts():
        yield
