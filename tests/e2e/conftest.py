"""A folder for each story, with studies and a home."""

from __future__ import annotations

import pytest

from tests.e2e.support import prepared


@pytest.fixture
def place(tmp_path):
    """A place for one test."""
    with prepared(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def own_place(tmp_path_factory):
    """A place for a story that the tests of a module share."""
    with prepared(tmp_path_factory.mktemp("story")) as made:
        yield made
