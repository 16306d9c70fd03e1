"""Stores that MLflow cannot use."""

from __future__ import annotations

import random

import pytest

from search.errors import RequestError
from search.store.epoch_log import EpochLog
from search.tracking.tracker import Tracker

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own


class TestAStoreThatCannotBeUsed:
    def refused(self, uri, folder):
        with pytest.raises(RequestError) as caught:
            Tracker(uri, folder / "mlartifacts", folder / "search", EpochLog(folder / "epochs"))
        (line,) = str(caught.value).splitlines()
        assert uri in line
        return line

    def test_is_a_file_that_is_no_database(self, tmp_path):
        path = tmp_path / "mlflow.db"
        noise = random.Random(0).randbytes(5000)
        path.write_bytes(noise)
        line = self.refused(f"sqlite:///{path}", tmp_path)
        assert "not a database" in line
        assert path.read_bytes() == noise

    def test_is_a_plain_folder(self, tmp_path):
        """MLflow no longer supports runs in files."""
        self.refused(f"file:{tmp_path / 'mlruns'}", tmp_path)

    def test_is_a_place_where_nothing_can_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        self.refused(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}", tmp_path)

    def test_is_a_scheme_that_nobody_knows(self, tmp_path):
        self.refused("nonsense://nowhere", tmp_path)
