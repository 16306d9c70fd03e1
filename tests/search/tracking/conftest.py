"""What the tests of the view in MLflow share: a store of a module's own."""

from __future__ import annotations

import pytest

from tests.search.tracking.stories import new_store


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def uri(home):
    return new_store(home)
