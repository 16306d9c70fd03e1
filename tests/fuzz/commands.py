"""Target of the two commands: their own `main`, on a small home."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import random
from pathlib import Path
from unittest import mock

from search.cli import COMMANDS
from search.cli import main as search
from search.driver.request import Request
from swast.cli import TrainOptions
from swast.cli import main as train
from swast.config import setting_paths
from swast.options import REFUSED, flag
from tests.fuzz import home, inputs
from tests.fuzz.bounds import Fault, check_printed
from tests.fuzz.target import Target

LINES = {
    "train": [
        ["good.json", "--set", "epochs=2", "--json", "out.json"],
        ["exported.toml", "--resume", "there", "--weights", "out.pt", "--test", "--trust"],
        ["exported.yaml", "--set", "seed=1", "--data-dir", ".", "--quiet"],
    ],
    "search": [
        ["list", "--json"],
        ["show", "good", "--json"],
        ["watch", "good"],
        ["report", "bad", "--out", "out.html"],
        ["export", "good", "--pick", "front", "--out", "out", "--format", "yaml"],
        ["export", "good", "--out", "out", "--within", "5", "--max-flops", "1e9", "--verify"],
        ["verify", "exported.toml", "exported.json", "--seeds", "2", "--trust"],
        ["sync", "good"],
        ["delete", "bad", "--yes"],
        ["gc", "good"],
        ["ui", "good", "--port", "0"],
        ["studies", "--json"],
        ["reproduce", "table-trim", "--seeds", "1", "--out", "out", "--workers", "1"],
        ["--study", "study.toml", "--dry-run", "--gpus", "0", "--budget", "5"],
        ["--study", "study.toml", "--dry-run", "--no-import", "--gpus", "0"],
        ["--study", "digits", "--dry-run", "--gpus", "0", "--max-flops", "1e9", "--seed", "1"],
        ["--study", "study.toml", "--gpus", "0", "--name", "new", "--json", "out.json"],
        ["--resume", "good", "--gpus", "0", "--budget", "9", "--confirm-seeds", "2"],
    ],
}
"""Sound lines, from which others are made."""
SLOW = {"report", "sync", "--dry-run"}
"""Words of the lines that draw plots or build networks; they are drawn less often."""
PLACES = [
    *("good", "bad", "home", "exported.toml", "exported.json", "good.json", "study.toml", "link"),
    *("bad.toml", "missing.toml", "there", "x/y", "..", ".", "home/optuna.db", "good.json/x", "-"),
    *("sqlite:///home/optuna.db", "sqlite:///new.db", "http://127.0.0.1:9", "sqlite:///good.json"),
    *(
        "digits",
        "npz:x.npz",
        "folder:home",
        "mlp-small",
        "torchvision:x",
        "no.module:f",
        "~",
        "\t",
    ),
]
"""Words that mean something."""


def draw(chance: random.Random) -> bytes:
    """Return a command line; its first word is the command's own name."""
    program = chance.choice(["train", "search", "search", "search"])
    if chance.random() < 0.2:
        words = inputs.line(chance, training=program == "train")
    else:
        words = list(chance.choice(LINES[program]))
        if SLOW & {*words} and chance.random() < 0.8:
            words = list(chance.choice(LINES[program]))
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        at = chance.randrange(len(words) + 1)
        word = chance.choice([*PLACES, chance.choice(inputs.WORDS)])
        kind = chance.choice(["replace", "replace", "insert", "drop", "flag", "set", "tear"])
        if kind == "flag":
            words[at:at] = _flag(chance, program, words, word)
        elif kind == "set" and program == "train":
            key = chance.choice([*setting_paths(), chance.choice(inputs.WORDS)])
            words += ["--set", f"{key}={word}"]
        elif kind == "insert":
            words.insert(at, word)
        elif words:
            old = words.pop(min(at, len(words) - 1))
            if kind != "drop":
                words.insert(at, inputs.torn_text(chance, old)[:5000] if kind == "tear" else word)
    return json.dumps([program, *words]).encode()


def _flag(chance: random.Random, program: str, words: list[str], word: str) -> list[str]:
    """Return an option of the command with a value."""
    tables = [TrainOptions] if program == "train" else [Request]
    if program == "search" and words and words[0] in COMMANDS:
        tables = list(COMMANDS[words[0]].options)
    fields = [each for table in tables for each in dataclasses.fields(table)]
    name = flag(chance.choice(fields).name)
    return chance.choice([[name, word], [f"{name}={word}"], [name]])


def attempt(content: bytes, folder: Path) -> None:
    """Run a command in a folder with a home; a refusal leaves nothing behind."""
    program, *words = json.loads(content)
    if any("\0" in word for word in words):
        return  # no shell can give it
    place = folder / "a" / "b"
    place.mkdir(parents=True)
    home.copy_to(place)
    os.chdir(place)
    before, out, err = _listed(folder), io.StringIO(), io.StringIO()
    given = {"SWAST_HOME": str(place / "home"), "XDG_CONFIG_HOME": str(folder / "settings")}
    with (
        mock.patch.dict(os.environ, given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code: object = {"train": train, "search": search}[program](words)
        except SystemExit as end:
            code = end.code or 0
    check_printed(code, out.getvalue(), err.getvalue())
    if code == REFUSED and _listed(folder) != before:
        made = {*_listed(folder).items()} ^ {*before.items()}
        raise Fault(f"refused, and yet something was changed: {sorted(made)!a:.400}")


def _listed(folder: Path) -> dict[str, int]:
    """Return the files of a folder with their sizes, apart from locks and journals."""
    return {
        str(path.relative_to(folder)): path.lstat().st_size if not path.is_dir() else 0
        for path in folder.rglob("*")
        if not path.name.endswith(("lock", "-wal", "-shm", "-journal"))
    }


TARGETS = {"command": Target(draw, attempt, 25, share=7)}
"""Targets by name."""
