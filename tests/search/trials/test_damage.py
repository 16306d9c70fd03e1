"""Damaged and newer searches: each is known as such, can be deleted, and spoils no other."""

from __future__ import annotations

import json
import shutil
import sqlite3

import optuna
import pytest

from search.cli import main
from search.commands.show import row_of
from search.errors import RequestError, UnreadableError
from search.trials.repository import SearchTrials
from search.trials.stored_searches import StoredSearch, search_names
from tests.search.support import database, finish, new_search, record

STUDY = "(SELECT study_id FROM studies WHERE study_name = 'bad')"
TRIAL = f"(SELECT trial_id FROM trials WHERE study_id = {STUDY} AND number = 1)"


def fact(key: str, value: str) -> str:
    """Return the statement that changes a fact of the search."""
    return (
        f"UPDATE study_user_attributes SET value_json = '{value}' "
        f"WHERE key = '{key}' AND study_id = {STUDY}"
    )


def lost(key: str) -> str:
    """Return the statement that removes a fact of the search."""
    return f"DELETE FROM study_user_attributes WHERE key = '{key}' AND study_id = {STUDY}"


def of_trial(key: str, value: str) -> str:
    """Return the statement that sets a fact of a finished trial of the search."""
    gone = f"DELETE FROM trial_user_attributes WHERE trial_id = {TRIAL} AND key = '{key}'"
    columns = "INSERT INTO trial_user_attributes (trial_id, key, value_json)"
    return f"{gone}; {columns} VALUES ({TRIAL}, '{key}', '{value}')"


def newer(**facts: str) -> str:
    """Return the statements that make the search one of the next version."""
    mark = fact("swast-search", '{"format": 2, "version": "0.3.0"}')
    return "; ".join([mark, *(fact(key, value) for key, value in facts.items())])


UNREADABLE = {
    "text for a number": (fact("budget", '"ten"'), "damaged: budget must be a whole number"),
    "out of range": (fact("seed", "-1"), "damaged: seed must be at least 0"),
    "not finite": (fact("unit", "1e999"), "damaged: unit must be above 0"),
    "a list": (fact("max_flops", "[]"), "damaged: max_flops must be a number"),
    "no JSON": (fact("device", "cpu"), "damaged: device must be one of cpu, cuda"),
    "no study": (fact("source", '"[["'), "damaged: not TOML"),
    "no text": (fact("source", "7"), "damaged: source must be a string, got 7"),
    "no source": (lost("source"), "damaged: source is missing"),
    "no seed": (lost("seed"), "damaged: seed is missing"),
    "no mark and no name": (f"{lost('swast-search')}; {lost('study')}", "damaged: study is missi"),
    "no direction": (f"DELETE FROM study_directions WHERE study_id = {STUDY}", "damaged: its dir"),
    "a wrong direction": (
        f"UPDATE study_directions SET direction = 'UP' WHERE study_id = {STUDY}",
        "damaged: LookupError: 'UP'",
    ),
    "newer": (newer(budget='{"trials": 5}'), r"written by a newer version \(0.3.0\): budget must"),
}
DAMAGED = {
    "a key more": (
        of_trial("outcome", '{"accuracy": 0.6, "joules": 7}'),
        "complete",
        "no seconds",
    ),
    "no outcome": (of_trial("outcome", "{}"), "complete", "no seconds"),
    "a list": (of_trial("outcome", "[1]"), "complete", "outcome: must be a table"),
    "text": (of_trial("outcome", '{"accuracy": "x"}'), "complete", "outcome.accuracy must be"),
    "two values": (of_trial("outcome", '{"accuracy": 0.7}'), "failed", "0.7, and 0.6 in Optuna"),
    "no JSON": (of_trial("outcome", "{"), "failed", "JSONDecodeError"),
    "no configuration": (of_trial("config", '{"epochs": 0}'), "failed", "config: epochs must"),
    "a newer configuration": (of_trial("config", '{"warp": 9}'), "complete", None),
    "rungs": (of_trial("verdict", '{"rungs": {"x": 1, "2": "y"}}'), "complete", "verdict.rungs.2"),
    "retries": (of_trial("retries", "-2"), "complete", "retries must be at least 0"),
    "a history": (of_trial("begun", "[[1, 2]]"), "complete", "begun: must be a table"),
    "a reference": (of_trial("reference", "7"), "complete", None),
    "its state": (
        f"UPDATE trials SET state = 'LOST' WHERE trial_id = {TRIAL}",
        "failed",
        "'LOST'",
    ),
    "its number": (f"UPDATE trials SET number = 'x' WHERE trial_id = {TRIAL}", "complete", "'x'"),
    "its end": (
        f"UPDATE trials SET datetime_complete = 'x' WHERE trial_id = {TRIAL}",
        "complete",
        "isoformat",
    ),
    "its value": (
        f"UPDATE trial_values SET value = 'x' WHERE trial_id = {TRIAL}",
        "complete",
        "must be real number",
    ),
    "its values": (f"DELETE FROM trial_values WHERE trial_id = {TRIAL}", "complete", "TypeError"),
    "bytes": (
        f"UPDATE trial_user_attributes SET value_json = CAST(x'fffe' AS TEXT) "
        f"WHERE trial_id = {TRIAL}",
        "failed",
        "JSONDecodeError",
    ),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a database with two searches of three finished trials, and a paused one."""
    folder = tmp_path_factory.mktemp("kept")
    for name in ("good", "bad"):
        trials = new_search(folder, name=name)
        finish(trials, (0.5, 0.5), (0.6, 0.01), (0.9, 0.1))
        trials.pause(record(trials.ask().number, state="paused"))
    return folder / "optuna.db"


@pytest.fixture
def change(kept, tmp_path):
    """Return a function that changes a copy of the database, and returns its URL."""

    def run(statements):
        shutil.copy(kept, tmp_path)
        with sqlite3.connect(tmp_path / "optuna.db") as connection:
            connection.executescript(statements)
        connection.close()
        return database(tmp_path)

    return run


@pytest.mark.parametrize(("statements", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_search_that_cannot_be_read_is_listed_and_can_be_deleted(
    change, tmp_path, statements, why
):
    url = change(statements)
    assert search_names(url) == ["good", "bad"]
    with pytest.raises(UnreadableError, match=f"search 'bad': {why}") as caught:
        SearchTrials.load(url, "bad")
    assert len(str(caught.value).splitlines()) == 1
    assert row_of(url, "bad", tmp_path)["problem"] == caught.value.why
    good = row_of(url, "good", tmp_path)
    assert (good["complete"], good["front"], "problem" in good) == (3, 2, False)
    StoredSearch(url, "bad").delete()
    assert search_names(url) == ["good"]
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        rows = connection.execute("SELECT count(*), min(study_id), max(study_id) FROM trials")
        assert list(rows) == [(4, 1, 1)], "nothing of it is left, and all of the other"


@pytest.mark.parametrize(("statements", "state", "why"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_trial_keeps_what_can_be_read_and_spoils_no_other(
    change, kept, statements, state, why
):
    url = change(statements)
    sound = SearchTrials.load(database(kept.parent), "bad").records()
    trials = SearchTrials.load(url, "bad", to_change=True)
    records = trials.records()
    assert [records[place] for place in (0, 2, 3)] == [sound[place] for place in (0, 2, 3)]
    damaged = records[1]
    assert (damaged.number, damaged.state) == (1, state)
    assert (damaged.damage is None) == (why is None)
    assert why is None or why in damaged.damage
    if state == "complete":
        assert (damaged.score, damaged.cost) == (sound[1].score, sound[1].cost)
    else:
        assert damaged.reason == damaged.damage
    assert [each.number for each in trials.orphans()] == [3]
    trials.ask()


def test_a_running_trial_without_its_configuration_gets_the_same_again(change):
    url = change(
        f"UPDATE trial_user_attributes SET value_json = 'x' WHERE key = 'config' AND "
        f"trial_id = (SELECT trial_id FROM trials WHERE study_id = {STUDY} AND number = 3)"
    )
    sound = SearchTrials.load(url, "good").records()[3]
    (orphan,) = SearchTrials.load(url, "bad").orphans()
    assert orphan.number == 3
    assert orphan.config.model == sound.config.model


def test_readings_and_facts_that_are_none_are_left_out(change):
    rows = [("reading-x", "[]"), ("reading-1-0", "{}"), ("run-1", "[]"), ("future", "{}")]
    values = ", ".join(f"({STUDY}, '{key}', '{value}')" for key, value in rows)
    url = change(f"INSERT INTO study_user_attributes (study_id, key, value_json) VALUES {values}")
    record = SearchTrials.load(url, "bad").records()[1]
    assert (record.state, record.readings, record.run_id, record.damage) == (
        "complete",
        {},
        None,
        None,
    )


@pytest.mark.parametrize("more", ["", "CREATE TABLE swast_things (id INTEGER)"])
def test_a_search_of_the_next_version_is_read_as_far_as_it_is_the_same(change, more):
    url = change(f"{newer(tracking_uri='null')}; {more}")
    assert len(SearchTrials.load(url, "bad").records()) == 4
    with pytest.raises(UnreadableError, match=r"newer version \(0.3.0\), which alone may change"):
        SearchTrials.load(url, "bad", to_change=True)


def test_a_search_with_an_unknown_sampler_is_read_and_not_resumed(change):
    url = change(fact("sampler", '"quantum"'))
    assert len(SearchTrials.load(url, "bad").records()) == 4
    with pytest.raises(UnreadableError, match=r"sampler must be one of tpe.*, got 'quantum'"):
        SearchTrials.load(url, "bad", to_change=True)


def test_the_commands_tell_it_in_a_line(change, tmp_path, capsys):
    url = change(fact("budget", '"ten"'))
    place = ("--home", str(tmp_path), "--storage", url)
    assert main(["list", "--json", *place]) == 0
    good, bad = json.loads(capsys.readouterr().out)
    assert (good["name"], "problem" in good) == ("good", False)
    assert bad["problem"] == "damaged: budget must be a whole number at least 0, got 'ten'"
    assert main(["list", *place]) == 0
    assert "damaged" in capsys.readouterr().out
    for words in (["show", "bad"], ["show", "bad", "--json"], ["gc", "bad"], ["report", "bad"]):
        assert main([*words, *place]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", f"swast-search: search 'bad': {bad['problem']}\n")
    assert main(["gc", *place]) == 0
    assert capsys.readouterr().err.endswith("; its files stay\n")
    assert main(["delete", "bad", "--yes", *place]) == 0
    assert main(["show", "good", *place]) == 0


def test_studies_of_others_are_no_searches_whatever_they_hold(change):
    url = change("")
    theirs = optuna.create_study(study_name="theirs", storage=url)
    for key in ("source", "study", "budget", "seed"):
        theirs.set_user_attr(key, "x")
    assert search_names(url) == ["good", "bad"]
    with pytest.raises(RequestError, match="was not made by swast-search"):
        StoredSearch(url, "theirs")
