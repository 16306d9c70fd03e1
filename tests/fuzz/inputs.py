"""Random files of settings and command lines: those that are shipped, with faults put in."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from typing import Any

import tomli_w
import yaml

from search.cli import COMMANDS
from search.driver.request import Request
from search.export.provenance import CONFIG, RECORD, digest
from search.study.study_file import shipped
from swast.cli import TrainOptions
from swast.config import TrainConfig, parse_toml, setting_paths
from swast.options import flag

PARTS = [
    *("[", "]", "{", "}", "[[", '"', "'", '"""', "'''", "=", ":", ",", ".", "\\", "#", "\n", "\r"),
    *("- ", "? ", "&a ", "*a", "<<: *a", "!!int ", "!!python/none", "%TAG", "---\n", "...", "|\n"),
    *("nan", "inf", "-inf", "1e999", "null", "~", "true", "0x", "1_0", "1:30", "2001-99-99"),
    *("\0", "\x1b[31m", "\u202e", "\ufeff", "\\u0000", "\\ud800", "é", "🙂", "\t", " " * 99),
    *("1" * 5000, "[" * 2000, '{"a":' * 500, "a." * 900, "x" * 20_000, "[[a]]\n" * 2000),
]
"""Texts that are put into files."""
VALUES: list[Any] = [
    *(0, 1, -1, 2, 0.5, -0.5, 1e308, 5e-324, 1e-9, 2**53 + 1, 2**63, 2**64, 10**400, True, False),
    *("", " ", "a\0b", "\x1b[31m", "x" * 5000, "../..", "none", "nan", "1", "٣", "2001-01-01"),
    *([], [[]], [1, 1.0], [1, 2, 3], ["a", 1], list(range(300)), [["a"], ["b"]], {}, {"": 0}),
    *({"low": 0, "high": 1}, {"low": 1, "high": 2, "step": 5e-324}, {"low": 1, "high": 0}),
    {"low": 1e-320, "high": 1.0, "log": True},
    {"low": 0, "high": 2**63 - 1, "step": 7, "also": [1, 1]},
]
"""Values that fields are given."""
WORDS = [
    *("", " ", "-", "--", "-1", "0", "1", "1e308", "9" * 400, "nan", "inf", "-inf", "5e-324", "٣"),
    *(
        "1_000",
        " 1",
        "\0",
        "a\nb",
        "\x1b[31m",
        "x" * 300,
        "/dev/zero",
        "/dev/null",
        "..",
        "digits",
    ),
    *("=", "a=b", "seed=1", "seed=[[[[", "optim.lr=" + "1" * 5000, "prune.layers=['a']", "\udcff"),
]
"""Words of command lines."""
BYTES = (0, 1, 4, 10, 127, 128, 254, 255)
"""Bytes that lengths and marks often have."""
PROVENANCE = {
    "search": "trip",
    "search_uid": "0f",
    "trial": 3,
    "val_accuracy": 0.9,
    "train_flops": 10**9,
    "mlflow_run": "ab",
    "trained_on": {"torch": "2.6"},
    "confirmed": {"seeds": [0, 1], "val_accuracies": [0.9, 0.8]},
}
"""Facts of an exported file."""


def source(draw: random.Random) -> tuple[str, dict[str, Any]]:
    """Return the kind and the tables of a study, a configuration, or an exported file."""
    kind = draw.choice(["config", "exported", "study"])
    if kind != "study":
        facts = {"provenance": copy.deepcopy(PROVENANCE)} if kind == "exported" else {}
        return kind, TrainConfig().to_dict() | facts
    path = draw.choice(sorted(shipped().values()))
    return "study", parse_toml(path.read_text())


def signed(tables: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of an exported file with the digests of what they hold now."""
    own = {name: value for name, value in tables.items() if name != "provenance"}
    facts = tables.get("provenance")
    if isinstance(facts, dict):
        facts.setdefault(CONFIG, digest(own))
        facts.setdefault(RECORD, digest(facts))
    return tables


def spoilt(draw: random.Random, tables: dict[str, Any]) -> dict[str, Any]:
    """Return tables with some values replaced, and some fields added."""
    paths = list(setting_paths())
    for _ in range(draw.randrange(4)):
        table = tables
        while nested := [each for each in table.values() if isinstance(each, dict)]:
            if draw.random() < 0.4:
                break
            table = draw.choice(nested)
        name = draw.choice([*table, "low", "high", "step", "x", draw.choice(paths), *PROVENANCE])
        table[name] = copy.deepcopy(draw.choice(VALUES))
    return tables


def written(tables: dict[str, Any], ending: str) -> str:
    """Return tables in a language; those that it cannot have are in JSON."""
    writers = {"toml": tomli_w.dumps, "yaml": yaml.safe_dump, "json": json.dumps}
    try:
        return str(writers[ending](tables))
    except (ValueError, TypeError, yaml.YAMLError):
        return "x = 1"


def torn_text(draw: random.Random, text: str) -> str:
    """Return a text with parts put in, cut out or repeated."""
    for _ in range(draw.choice([0, 0, 0, 0, 1, 2, 8])):
        at, to = sorted(draw.randrange(len(text) + 1) for _ in range(2))
        middle = draw.choice([draw.choice(PARTS), "", text[at:to] * 2, draw.choice(PARTS) * 50])
        text = text[:at] + middle + text[min(to, at + draw.choice([0, 1, 40])) :]
    return text


def torn(draw: random.Random, text: str) -> bytes:
    """Return a text that is torn, in some encoding."""
    encoding = draw.choice(["utf-8"] * 30 + ["utf-8-sig", "utf-16"])
    content = torn_text(draw, text).encode(encoding, "surrogatepass")
    if draw.random() < 0.1 and content:
        at = draw.randrange(len(content))
        content = content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
    return content


def torn_bytes(draw: random.Random, content: bytes) -> bytes:
    """Return bytes with some flipped, replaced, cut off, zeroed or repeated."""
    made = bytearray(content)
    for _ in range(draw.choice([0, 1, 1, 1, 2, 8])):
        at = draw.randrange(len(made) + 1)
        length = draw.choice([1, 1, 4, 16, 512])
        kind = draw.choice(["flip", "flip", "byte", "cut", "zero", "noise", "twice"])
        if kind == "cut" and draw.random() < 0.5:
            del made[at:]
        elif kind == "twice":
            made[at:at] = made[at : at + length]
        elif kind == "zero":
            made[at : at + length] = bytes(len(made[at : at + length]))
        elif kind == "noise":
            made[at : at + length] = draw.randbytes(len(made[at : at + length]))
        elif at < len(made):
            made[at] = made[at] ^ 1 << draw.randrange(8) if kind == "flip" else draw.choice(BYTES)
    return bytes(made)


def line(draw: random.Random, *, training: bool) -> list[str]:
    """Return a random command line.

    Args:
        draw: the random numbers.
        training: of `swast-train` instead of `swast-search`.
    """
    tables = [TrainOptions] if training else [Request]
    words = []
    if not training and draw.random() < 0.6:
        name = draw.choice([*COMMANDS])
        words, tables = [name], list(COMMANDS[name].options)
    flags = [flag(each.name) for table in tables for each in dataclasses.fields(table)]
    for _ in range(draw.randrange(6)):
        chosen = draw.choice([*flags, "--set", "--x", "--version" if training else "--home"])
        value = draw.choice(WORDS)
        words += draw.choice([[chosen, value], [f"{chosen}={value}"], [chosen], [value]])
    return words
