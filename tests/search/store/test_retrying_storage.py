"""Failures of the search database: real databases, and real restarts of PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.storages import _cached_storage
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from search.errors import RequestError, SearchFailedError
from search.store.retrying_storage import OPERATIONS, RetryingStorage, open_storage
from search.trials.repository import SearchTrials
from tests.search.support import (
    BARE,
    blank_database,
    database,
    finish,
    new_search,
    record,
    search_info,
)
from tests.services import until


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """URL of a database; SQLite's has its tables already, since creating them takes time."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").new_database()
    (tmp_path / "optuna.db").write_bytes(blank_database())
    return database(tmp_path)


def patient_trials(url, patience, source=BARE, name="trip"):
    """Return a search, and its storage with a patience of some seconds."""
    storage, info = open_storage(url, patience), search_info(source, name=name)
    loaded = optuna.load_study(study_name=name, storage=storage)
    return SearchTrials(info, loaded, info.seed), storage


class TestEveryOperation:
    def test_of_a_search_works_in_every_database(self, url):
        first = SearchTrials.create(url, search_info())
        first.remember(run_id="abc")
        asked = [first.ask() for _ in range(5)]
        first.note(0, verdict={"rungs": {1: 0.5}}, retries=2)
        first.constrain(3, 1.5)
        first.settle(record(0, 0.7, 0.2, run_id="one"))
        first.settle(record(1, state="pruned"))
        first.settle(record(2, state="failed", reason="broken"))
        assert first.ask(at_random=True).number == 5
        second = SearchTrials.load(url, "trip")
        assert second.info == search_info(run_id="abc")
        orphans = second.orphans()
        assert [each.number for each in orphans] == [3, 4, 5]
        assert [each.config for each in orphans[:2]] == [each.config for each in asked[3:]]
        for orphan in orphans:
            second.settle(record(orphan.number))
        records = SearchTrials.load(url, "trip").records()
        assert [each.state for each in records] == (
            ["complete", "pruned", "failed"] + 3 * ["complete"]
        )
        assert (records[0].score, records[0].run_id, records[0].retries) == (0.7, "one", 2)
        assert records[0].rungs == {1: 0.5}
        assert [each.reference for each in records[:3]] == ["small", "dense", None]

    def test_that_optunas_cache_calls_is_retried(self):
        """Otherwise a future version of Optuna could call a method that is not retried."""
        source = Path(_cached_storage.__file__).read_text()
        asked = set(re.findall(r"self\._backend\.(\w+)\(", source))
        beside = {name for name in asked if "heartbeat" in name or "stale" in name}
        asked -= beside | {"get_trial_id_from_study_id_trial_number"}  # we ask for neither
        assert asked <= OPERATIONS
        for name in OPERATIONS:
            assert getattr(RetryingStorage, name) is not getattr(optuna.storages.RDBStorage, name)


class TestOpening:
    def test_a_new_database_at_the_same_moment_works(self, postgres):
        url = postgres.new_database()
        with ThreadPoolExecutor(4) as pool:
            opened = list(pool.map(lambda _: open_storage(url), range(4)))
        assert [storage.get_all_studies() for storage in opened] == 4 * [[]]

    def test_takes_braces_and_percent_signs_for_what_they_are(self, tmp_path):
        folder = tmp_path / "{odd} 100%"
        folder.mkdir()
        new_search(folder)
        assert [path.name for path in folder.iterdir()] == ["optuna.db"]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"port": 1}, "Connection refused"),
            ({"password": "wr0ng%2Fw{o}rd"}, "password authentication failed"),
            ({"database": "missing"}, 'database "missing" does not exist'),
            ({"user": "nobody"}, "password authentication failed"),
        ],
    )
    def test_refuses_what_does_not_let_it_in_at_once_in_a_line(self, postgres, changes, said):
        url = postgres.url(**changes)
        with pytest.raises(RequestError, match="cannot be used: ") as caught:
            open_storage(url)
        message = str(caught.value)
        assert said in message
        assert ":***@127.0.0.1" in message
        assert len(message.splitlines()) == 1
        assert not any(secret in message for secret in (postgres.password, "wr0ng"))

    def test_says_how_to_install_a_driver_that_is_missing(self):
        """No extra of this package installs pg8000."""
        with pytest.raises(RequestError, match=r"pip install 'swast\[postgres\]'"):
            open_storage("postgresql+pg8000://me:s3cret@127.0.0.1/db")


class TestARestart:
    def test_of_the_server_loses_nothing_and_repeats_nothing(self, postgres):
        """It is restarted three times, at any moment of a trial."""
        url, settled = postgres.new_database(), []
        SearchTrials.create(url, search_info(BARE, sampler="random"))
        trials = SearchTrials.load(url, "trip")

        def restart():
            for count in (3, 6, 9):
                until(lambda count=count: len(settled) >= count, 20)
                postgres.restart()

        with ThreadPoolExecutor(1) as pool:
            restarts = pool.submit(restart)
            while len(settled) < 12 or not restarts.done():
                number = trials.ask().number
                trials.note(number, begun={"predicted_flops": number})
                trials.settle(record(number, number / 1000))
                settled.append(number)
            restarts.result()
        records = SearchTrials.load(url, "trip").records()
        kept = {each.number: each for each in records if each.state == "complete"}
        assert sorted(kept) == settled
        for number, each in kept.items():
            assert (each.score, each.predicted_cost) == (number / 1000, number)
        assert all(each.state == "running" for each in records if each.number not in kept)

    def test_that_takes_too_long_ends_the_search_which_goes_on_later(self, postgres, capsys):
        url = postgres.new_database()
        SearchTrials.create(url, search_info(BARE, sampler="random"))
        trials, _ = patient_trials(url, patience=0.5)
        finish(trials, (0.5, 0.5))
        trials.ask()
        postgres.stop()
        try:
            with pytest.raises(SearchFailedError, match="--resume continues later") as caught:
                trials.note(1, paused=True)
            with pytest.raises(SearchFailedError):
                trials.settle(record(1))
        finally:
            postgres.start()
        assert "could not be used for 0.5 s: " in str(caught.value)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, "it waited again for the second operation, or waited silently"
        assert re.match(
            r"swast-search: the search database cannot be used: .*; trying again for 0.5 s$",
            lines[0],
        )
        assert not any(postgres.password in text for text in (lines[0], str(caught.value)))
        again = SearchTrials.load(url, "trip")
        assert [each.number for each in again.orphans()] == [1]
        again.settle(record(1))
        assert [each.state for each in again.records()] == ["complete", "complete"]


@contextmanager
def filled(storage):
    """Keep an SQLite database from growing, as on a full disk."""
    allowed = []

    @sqlalchemy.event.listens_for(storage.engine, "checkout")
    def limit(connection, *_):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {2**30 if allowed else pages}")

    storage.engine.dispose()
    yield lambda: allowed.append(True)
    sqlalchemy.event.remove(storage.engine, "checkout", limit)


class TestAFullDisk:
    def test_is_waited_for_until_there_is_room(self, tmp_path, capfd):
        new_search(tmp_path, BARE)
        trials, storage = patient_trials(database(tmp_path), patience=60)
        with filled(storage) as make_room, ThreadPoolExecutor(1) as pool:
            number, told = trials.ask().number, ""
            noting = pool.submit(trials.note, number, reason="x" * 100_000)

            def waiting():
                nonlocal told
                told += capfd.readouterr().err
                return told

            assert until(waiting, 30)
            assert not noting.done()
            make_room()
            noting.result(timeout=30)
        first, second = (told + capfd.readouterr().err).splitlines()
        assert first == (
            "swast-search: the search database cannot be used: database or disk is full; "
            "trying again for 60 s"
        )
        assert re.fullmatch(
            r"swast-search: the search database can be used again .* \d+ s", second
        )
        trials.settle(record(number))
        (kept,) = SearchTrials.load(database(tmp_path), "trip").records()
        assert kept.state == "complete"


class TestALockedDatabase:
    def test_is_waited_for(self, tmp_path, capfd):
        new_search(tmp_path, BARE)
        trials, storage = patient_trials(database(tmp_path), patience=60)

        @sqlalchemy.event.listens_for(storage.engine, "checkout")
        def hurry(connection, *_):
            connection.execute("PRAGMA busy_timeout = 10")

        storage.engine.dispose()
        asked = trials.ask()
        other = sqlite3.connect(tmp_path / "optuna.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(1) as pool:
            settling = pool.submit(trials.settle, record(asked.number))
            assert until(lambda: "database is locked" in capfd.readouterr().err, 30)
            other.close()
            settling.result(timeout=30)
        (kept,) = SearchTrials.load(database(tmp_path), "trip").records()
        assert kept.state == "complete"


class TestALostAnswer:
    @pytest.fixture
    def lose(self):
        """Return a function that loses the answer to a storage's next commit."""

        def arm(storage):
            class Lossy(Session):
                answers = iter([OperationalError("COMMIT", {}, Exception("connection closed"))])

                def commit(self):
                    super().commit()
                    for error in self.answers:
                        raise error

            storage.scoped_session = scoped_session(sessionmaker(storage.engine, class_=Lossy))

        return arm

    def test_to_how_a_trial_ended_does_not_settle_it_twice(self, url, lose):
        SearchTrials.create(url, search_info(BARE))
        trials, storage = patient_trials(url, patience=30)
        trials.ask()
        (asked,) = storage.get_all_trials(1)
        lose(storage)
        storage.set_trial_state_values(asked._trial_id, optuna.trial.TrialState.COMPLETE, [0.5, 1])
        (kept,) = trials.records()
        assert kept.state == "complete"

    def test_to_the_start_of_a_waiting_trial_does_not_pass_it_over(self, url, lose):
        SearchTrials.create(url, search_info())
        trials, storage = patient_trials(url, patience=30, source=search_info().study.source)
        waiting = storage.get_all_trials(1)[0]
        lose(storage)
        assert storage.set_trial_state_values(waiting._trial_id, optuna.trial.TrialState.RUNNING)
        assert [each.number for each in trials.orphans()] == [0]

    def test_to_a_new_trial_leaves_one_that_is_run_on_resume(self, url, lose):
        SearchTrials.create(url, search_info(BARE))
        _, storage = patient_trials(url, patience=30)
        lose(storage)
        made = storage.create_new_trial(1)
        assert storage.get_trial(made).number == 1
        assert [each.number for each in SearchTrials.load(url, "trip").orphans()] == [0, 1]


def test_what_no_waiting_mends_ends_the_search_at_once(postgres, capfd):
    url = postgres.new_database()
    SearchTrials.create(url, search_info(BARE))
    trials, storage = patient_trials(url, patience=60)
    trials.ask()
    with storage.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE trial_user_attributes"))
    with pytest.raises(SearchFailedError, match=r"^the search database failed: .+ not exist$"):
        trials.note(0, paused=True)
    assert capfd.readouterr().err == ""
