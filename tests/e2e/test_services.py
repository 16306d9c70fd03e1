"""The services that other tests rely on start, answer, stop, come back, and leave nothing."""

from __future__ import annotations

import contextlib
import socket

import pytest

from tests import services

pytestmark = pytest.mark.timeout(300)  # they start slowly on a busy machine


def test_what_is_not_installed_is_skipped_or_fails_where_nothing_may_lack(monkeypatch):
    monkeypatch.delenv(services.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="X is not installed"):
        services.absent("X is not installed")
    monkeypatch.setenv(services.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="X is not installed, and SWAST_REQUIRE"):
        services.absent("X is not installed")


class TestPostgreSQL:
    def test_keeps_what_it_was_told_over_a_restart(self, postgres):
        one, other = (postgres.new_database().rpartition("/")[2] for _ in range(2))
        with postgres.connect(one) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        postgres.stop()
        assert not postgres.answers()
        postgres.start()
        with postgres.connect(one) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]
        with postgres.connect(other) as connection:
            assert connection.execute("SELECT to_regclass('kept')").fetchall() == [(None,)]

    def test_leaves_nothing(self):
        server = services.PostgreSQL()
        server.close()
        assert not server.answers()
        assert not server.folder.exists()


class TestRayCluster:
    @pytest.mark.long
    def test_loses_a_node_and_leaves_nothing(self):
        with contextlib.closing(services.RayCluster()) as cluster:
            assert cluster.nodes() == 2
            cluster.kill_worker_node()
            assert not cluster.processes("worker")
            assert services.until(lambda: cluster.nodes() == 1, 60)
            cluster.add_worker_node()
            host, port = cluster.address.split(":")
        assert not cluster.processes()
        assert not cluster.folder.exists()
        with socket.socket() as probe:
            assert probe.connect_ex((host, int(port))) != 0
