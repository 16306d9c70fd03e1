"""State files that are damaged at random: each command gives its result or says why not.

A home with two searches is made once. Each damage is made to a copy of it: to the bytes of a file,
or to a value in the database. Then the commands run, in this process.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from search.cli import main
from search.errors import SearchError
from search.store import retrying_storage
from search.store.epoch_log import EpochLog
from search.store.home import Home
from search.trials import checkpoints
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from search.trials.trial_record import Reading
from tests.search.conftest import quick_databases  # noqa: F401
from tests.search.support import database, epoch, finish, new_search, record

FEW, MANY = 4, 200
VALUES = [
    None,
    "x",
    "",
    -1,
    0,
    7,
    1e300,
    float("inf"),
    b"\xff\xfe",
    "[]",
    "{}",
    '"x"',
    "null",
    "[",
]
LEAVES = [None, "x", "", -1, 0, 1.5, 10**400, True, [], {}, [[]], {"a": 1}, "\x1b[31m", "x" * 9999]
COLUMNS = {
    "study_user_attributes": ("key", "value_json"),
    "study_system_attributes": ("value_json",),
    "study_directions": ("direction", "objective"),
    "trials": ("number", "state", "datetime_start", "datetime_complete"),
    "trial_user_attributes": ("key", "value_json"),
    "trial_system_attributes": ("key", "value_json"),
    "trial_params": ("param_name", "param_value", "distribution_json"),
    "trial_values": ("objective", "value", "value_type"),
}
READS = (["list"], ["list", "--json"], ["show", "bad"], ["show", "bad", "--json"])
WRITES = (
    ["report", "bad", "--out", "out"],
    ["export", "bad", "--pick", "front", "--out", "out"],
    ["gc"],
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a home with two searches: ended, pruned, paused and waiting trials, readings."""
    home = tmp_path_factory.mktemp("made")
    for name in ("good", "bad"):
        trials, folder = new_search(home, name=name), Home(home).search(name)
        epoch_log = EpochLog(folder / "histories")
        finish(trials, (0.5, 0.5), (0.6, 0.01), (0.9, 0.1))
        asked = [trials.ask().number for _ in range(3)]
        trials.note(asked[0], verdict={"rungs": {1: 0.5}, "stopped_at": 1, "reason": "slow"})
        trials.settle(record(asked[0], state="pruned", stopped_at=1))
        trials.note(asked[1], begun={"predicted_flops": 7}, retries=1)
        trials.pause(record(asked[1], state="paused"))
        trials.add_reading(1, 0, Reading(0.5, 0.25, 10))
        for number in (0, 1, asked[1]):
            epoch_log.extend(number, [epoch(1, 0.5), epoch(2, 0.6)])
            place = checkpoints.folder_of(folder, number)
            place.mkdir(parents=True)
            (place / "checkpoint.pt").write_bytes(bytes(100))
        (folder / "lock").touch()
    Home(home).warmups.mkdir(parents=True)
    (Home(home).warmups / "state").write_bytes(bytes(100))
    return home


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    """Return a copy of that home, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retrying_storage, "PATIENCE_SECONDS", 0.0)
    shutil.copytree(made, tmp_path / "home")
    return tmp_path / "home"


def damage_file(path: Path, chance: random.Random) -> str:
    """Damage the bytes of a file at random, and return how."""
    content = bytearray(path.read_bytes())
    size, kind = len(content), chance.choice(["cut", "zero", "flip", "noise", "more", "folder"])
    start, length = chance.randrange(size + 1), chance.choice([1, 16, 512, 4096])
    if kind == "cut":
        del content[start:]
    elif kind == "flip":
        for _ in range(chance.choice([1, 8, 64])):
            if size:
                content[chance.randrange(size)] ^= 1 << chance.randrange(8)
    elif kind == "more":
        content += chance.randbytes(length)
    else:
        piece = bytes(length) if kind == "zero" else chance.randbytes(length)
        content[start : start + length] = piece[: size - start]
    path.write_bytes(content)
    if kind == "folder":
        path.unlink()
        path.mkdir()
    return f"{kind} at {start} of {size}, {length}"


def damage_value(path: Path, chance: random.Random) -> str:
    """Damage a value of the search "bad" in the database, and return how."""
    table = chance.choice(list(COLUMNS))
    column = chance.choice(COLUMNS[table])
    study = "(SELECT study_id FROM studies WHERE study_name = 'bad')"
    trials = f"trial_id IN (SELECT trial_id FROM trials WHERE study_id = {study})"
    where = trials if table.startswith("trial_") else f"study_id = {study}"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}").fetchall()
        row, old = chance.choice(rows)
        new = chance.choice(VALUES)
        if column == "value_json" and chance.random() < 0.8:
            new = json.dumps(changed(json.loads(old), chance))
        with contextlib.suppress(sqlite3.IntegrityError):
            command = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
            connection.execute(command, (new, row))
    return f"{table}.{column} of row {row}: {old!r:.200} to {new!r:.200}"


def changed(value: object, chance: random.Random) -> object:
    """Return a JSON value with a change somewhere in it."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key, rest = chance.choice(list(value)), dict(value)
        if chance.random() < 0.3:
            del rest[key]
            return rest
        name = chance.choice([key, key, key, f"{key}x", "future"])
        return rest | {name: changed(rest[key], chance)}
    return chance.choice(LEAVES)


def run(*words: str) -> tuple[int, str, str]:
    """Run a command in this process: exit code, output, errors."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words, "--home", "home"])
    return code, out.getvalue(), err.getvalue()


def check(*words: str) -> tuple[int, str]:
    """Run a command, and check that it gives its result, or says in a few lines why not."""
    code, out, err = run(*words)
    assert code in (0, 1, 2), words
    assert len(err.splitlines()) <= 4, (words, err)
    assert all(line.startswith("swast-search: ") for line in err.splitlines()), (words, err)
    assert len(err) < 2500, (words, err)
    assert code == 0 or err, words
    if code == 0 and "--json" in words:
        json.loads(out)
    return code, out


def resume(home: Path) -> None:
    """Do what `--resume` does with the storage before it trains."""
    with contextlib.suppress(SearchError):
        trials = SearchTrials.load(database(home), "bad", to_change=True)
        trials.enqueue_references()
        orphans = trials.orphans()
        state = SearchState(trials.records(), trials.info.objectives)
        for each in orphans:
            trials.start(state[each.number])
            trials.settle(record(each.number, 0.7, 0.3))
        trials.settle(record(trials.ask().number, 0.8, 0.2))
        assert SearchTrials.load(database(home), "bad").orphans() == []


def use(home: Path, *, whole: bool) -> None:
    """Run all commands on a damaged home.

    Args:
        home: the folder.
        whole: whether the other search must be as it was.
    """
    for words in READS:
        assert check(*words)[0] == 0 or not (whole and words[0] == "list")
    if whole:
        assert check("show", "good") == (0, SOUND["show good"])
    for words in WRITES:
        assert check(*words)[0] == 0 or not (whole and words[0] == "gc")
    resume(home)
    code, _ = check("delete", "bad", "--yes")
    if whole:
        assert code == 0
        assert [row["name"] for row in json.loads(check("list", "--json")[1])] == ["good"]
        assert check("show", "good") == (0, SOUND["show good"])


SOUND: dict[str, str] = {}


SEEDS = [pytest.param(seed, marks=[] if seed < FEW else pytest.mark.long) for seed in range(MANY)]
"""Numbers of the damages; only the first of them run every time."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_value_in_the_database_spoils_no_other_search(home, seed):
    SOUND["show good"] = SOUND.get("show good") or run("show", "good")[1]
    what = damage_value(home / "optuna.db", random.Random(seed))
    print(what)  # noqa: T201
    use(home, whole=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_file_is_told_in_a_line_or_made_good(home, seed):
    SOUND["show good"] = SOUND.get("show good") or run("show", "good")[1]
    chance = random.Random(seed)
    files = sorted(path for path in home.rglob("*") if path.is_file())
    path = home / "optuna.db" if chance.random() < 0.6 else chance.choice(files)
    what = damage_file(path, chance)
    print(path, what)  # noqa: T201
    use(home, whole=path.name != "optuna.db")
