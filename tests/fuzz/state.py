"""Target of state files that are damaged: each command gives its result or says why not."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search.cli import main
from search.errors import SearchError
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from tests.fuzz import home
from tests.fuzz.bounds import Fault, check_printed
from tests.fuzz.target import Target
from tests.search.support import database, record

VALUES: list[Any] = [
    *(None, "x", "", -1, 0, 7, 1e300, float("inf"), "\x1b[31m", "<b>", "x" * 9999),
    *("[]", "{}", '"x"', "null", "["),
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
    ["verify", "exported.toml"],
    ["gc"],
)
FEW_LINES = 4
"""Lines of errors about one damage."""


def draw(chance: random.Random) -> bytes:
    """Return a damage: of a value of the search "bad" in the database, or of a file's bytes."""
    if chance.random() < 0.5:
        table = chance.choice([*COLUMNS])
        damage: dict[str, Any] = {"table": table, "column": chance.choice(COLUMNS[table])}
        damage |= {"row": chance.randrange(1000), "seed": chance.getrandbits(32)}
    else:
        kind = chance.choice(["cut", "zero", "flip", "noise", "more", "folder", "empty"])
        files = ["home/optuna.db", "home/optuna.db", "home/mlflow.db", chance.choice(_files())]
        damage = {"file": chance.choice(files), "kind": kind, "at": chance.random()}
        damage |= {"length": chance.choice([1, 16, 512, 4096]), "seed": chance.getrandbits(32)}
    return json.dumps(damage).encode()


@functools.cache
def _files() -> list[str]:
    """Return the files of the sound home, and those beside it."""
    paths = (path for path in home.sound().rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(str(path.relative_to(home.sound())) for path in paths)


def attempt(content: bytes, folder: Path) -> None:
    """Damage a copy of the home, and run all commands on it.

    A report and an MLflow store of its own, which take most of the time, are in every fourth.
    """
    damage = json.loads(content)
    home.copy_to(folder)
    slow = damage["seed"] % 4 == 0
    if not slow and damage.get("file") != "home/mlflow.db":
        (folder / "home" / "mlflow.db").unlink()
    os.environ.pop("SWAST_HOME", None)
    before = sound_show()
    if "table" in damage:
        damage_value(folder / "home" / "optuna.db", **damage)
    else:
        damage_file(folder / damage.pop("file"), **damage)
    spoilt = damage.get("table") is None and json.loads(content)["file"] == "home/optuna.db"
    use(folder / "home", before, WRITES[0 if slow else 1 :], whole=not spoilt)


@functools.cache
def sound_show() -> str:
    """Return what `show` prints of the other search of a sound home."""
    here = Path.cwd()
    os.chdir(home.sound())
    try:
        return run("show", "good")[1]
    finally:
        os.chdir(here)


def damage_file(path: Path, kind: str, at: float, length: int, seed: int) -> None:
    """Damage the bytes of a file."""
    content, chance = bytearray(path.read_bytes()), random.Random(seed)
    start, size = int(at * (len(content) + 1)), len(content)
    if kind == "cut":
        del content[start:]
    elif kind == "empty":
        content.clear()
    elif kind == "flip":
        for _ in range(chance.choice([1, 8, 64]) if size else 0):
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


def damage_value(path: Path, table: str, column: str, row: int, seed: int) -> None:
    """Damage a value of the search "bad" in the database."""
    study, chance = "(SELECT study_id FROM studies WHERE study_name = 'bad')", random.Random(seed)
    trials = f"trial_id IN (SELECT trial_id FROM trials WHERE study_id = {study})"
    where = trials if table.startswith("trial_") else f"study_id = {study}"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}").fetchall()
        number, old = rows[row % len(rows)]
        new = chance.choice(VALUES)
        if column == "value_json" and chance.random() < 0.8:
            new = json.dumps(changed(json.loads(old), chance))
        with contextlib.suppress(sqlite3.IntegrityError):
            command = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
            connection.execute(command, (new, number))


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
    check_printed(code, out, err)
    lines = err.splitlines()
    if len(lines) > FEW_LINES or not all(each.startswith("swast-search: ") for each in lines):
        raise Fault(f"{words}: {err[:1000]}")
    if code == 0 and "--json" in words:
        json.loads(out)
    return code, out


def resume(folder: Path) -> None:
    """Do what `--resume` does with the storage before it trains."""
    with contextlib.suppress(SearchError):
        trials = SearchTrials.load(database(folder), "bad", to_change=True)
        trials.enqueue_references()
        orphans = trials.orphans()
        state = SearchState(trials.records(), trials.info.objectives)
        for each in orphans:
            trials.start(state[each.number])
            trials.settle(record(each.number, 0.7, 0.3))
        trials.settle(record(trials.ask().number, 0.8, 0.2))
        if SearchTrials.load(database(folder), "bad").orphans():
            raise Fault("trials run that nothing trains")


def use(folder: Path, before: str, writes: Sequence[list[str]], *, whole: bool) -> None:
    """Run all commands on a damaged home.

    Args:
        folder: the home.
        before: what `show` printed of the other search.
        writes: commands that write.
        whole: whether that search must be as it was.
    """
    for words in READS:
        must(check(*words)[0] == 0 or not (whole and words[0] == "list"), words)
    if whole:
        must(check("show", "good") == (0, before), "the other search shows something else")
    for words in writes:
        must(check(*words)[0] == 0 or not (whole and words[0] == "gc"), words)
    resume(folder)
    code, _ = check("delete", "bad", "--yes")
    if whole:
        must(code == 0, "the search cannot be deleted")
        names = [row["name"] for row in json.loads(check("list", "--json")[1])]
        must(names == ["good"], names)
        must(check("show", "good") == (0, before), "the other search shows something else")


def must(holds: bool, what: object) -> None:
    """Raise a fault if something does not hold."""
    if not holds:
        raise Fault(f"{what}")


TARGETS = {"state": Target(draw, attempt, 4, runs=12, share=14)}
"""Targets by name."""
