"""Targets that read text: files of settings, values of `--set`, names, URLs, learning curves."""

from __future__ import annotations

import contextlib
import json
import math
import random
from pathlib import Path
from typing import Any

import tomli_w

from search.errors import RequestError
from search.export.provenance import read_exported
from search.samplers.parameters import parameters, sample
from search.store.epoch_log import EpochLog
from search.store.home import Home, check_tracking
from search.store.urls import (
    check_store,
    is_loopback,
    scrubbed,
    secrets_of,
    shown,
    sqlite_file,
    sqlite_url,
)
from search.study.names import check_name
from search.study.space import Range
from search.study.study_file import Study, find_study
from swast.cli import read_overrides
from swast.config import TrainConfig, read_config, setting_paths
from swast.config.train import set_paths
from swast.data.places import Places, Wanted
from swast.errors import ConfigError, DataError, limited
from tests.fuzz import inputs
from tests.fuzz.bounds import Fault, check_lines
from tests.fuzz.target import Target

SECRET = "hunter2.!x"
"""Password of the URLs that are drawn."""
MOST_WORD = 2**17
"""Characters of a word of a command line, of which Linux allows no more bytes."""
ODD: list[Any] = [None, "", "x", math.nan, math.inf, -math.inf, 10**400, 2**63, True, [], {}, b"x"]
"""Values that are in no range of numbers, or only by accident."""
EPOCH = {
    "epoch": 1,
    "phase": "tailored",
    "samples": 100,
    "sparsity": 0.5,
    "learning_rate": 0.05,
    "train_loss": 1.0,
    "val_loss": 2.0,
    "val_accuracy": 0.5,
    "train_flops": 1000,
    "seconds": 0.25,
}


@contextlib.contextmanager
def refusing():
    """Let the block refuse its input in lines that can be printed."""
    try:
        yield
    except (ConfigError, RequestError, DataError) as error:
        check_lines(limited(str(error).split("\n")))


def settings(ending: str) -> Target:
    """Return the target of files of settings of one language."""

    def draw(chance: random.Random) -> bytes:
        _, tables = inputs.source(chance)
        tables = inputs.signed(inputs.spoilt(chance, tables))
        return inputs.torn(chance, inputs.written(tables, ending))

    return Target(draw, lambda content, folder: read(content, folder / f"it.{ending}"), 60, ending)


def read(content: bytes, path: Path) -> None:
    """Read a file as a configuration, as an exported file, and as a study."""
    path.write_bytes(content)
    with refusing():
        config = read_config(path)
        if TrainConfig.from_dict(config.to_dict()) != config:
            raise Fault("the configuration is another one when it is read again")
    with refusing():
        read_exported(path)
    with refusing():
        use(find_study(str(path)))


def use(study: Study) -> None:
    """Check that the space of a study contains what samplers propose, and only that."""
    for config in study.references.values():
        if study.contains(config):
            parameters(study.space, study.searched(config))
    for domain in study.space.domains:
        values = domain.values
        if not all(values.contains(end) for end in (*values.extremes, *values.between)):
            raise Fault(f"{domain.path} does not contain its ends")
        for odd in ODD:
            if values.contains(odd) and isinstance(values, Range) and isinstance(odd, float):
                raise Fault(f"{domain.path} contains {odd}")
    for values in sample(study.space, 2, 0):
        part = {each.path: each.values for each in study.space.part(values).domains}
        if not all(part[path].contains(value) for path, value in values.items()):
            raise Fault(f"proposed and not contained: {values!r:.300}")
        with contextlib.suppress(ConfigError):
            if not study.contains(study.configure(values)):
                raise Fault(f"configured and not contained: {values!r:.300}")


def draw_space(chance: random.Random) -> bytes:
    """Return a study whose ranges, choices and references are random."""
    numbers = [name for name, (kind, *_) in setting_paths().items() if kind.kind in (int, float)]
    paths = chance.sample(sorted(setting_paths()), 1) + chance.sample(
        numbers, chance.choice([1, 3])
    )
    space = {path: _domain(chance, setting_paths()[path][0].kind) for path in paths}
    tables: dict[str, Any] = {"space": _nested(space)}
    if chance.random() < 0.4:
        tables["references"] = {
            "one": _nested({path: _value(chance, float) for path in paths[1:]})
        }
    if chance.random() < 0.3:
        when = {chance.choice(paths): [_value(chance, int)]}
        fixed = {chance.choice(numbers): _value(chance, float)}
        tables["branch"] = [{"when": _nested(when), "fixed": _nested(fixed)}]
    return inputs.written(tables, "toml").encode()


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Return tables from values by dotted path."""
    return set_paths({}, values)


def _value(chance: random.Random, kind: type) -> Any:
    if chance.random() < 0.2:
        return chance.choice([each for each in inputs.VALUES if _is_toml(each)])
    value = chance.choice(
        [chance.random(), 10 ** chance.uniform(-12, 12), chance.randrange(1, 40)]
    )
    return kind(value) if kind in (int, float) and chance.random() < 0.9 else value


def _is_toml(value: Any) -> bool:
    try:
        tomli_w.dumps({"x": value})
    except (TypeError, ValueError):
        return False
    return True


def _domain(chance: random.Random, kind: type) -> Any:
    if kind not in (int, float) or chance.random() < 0.3:
        return [_value(chance, kind) for _ in range(chance.randrange(1, 4))]
    low, high = (_value(chance, kind) for _ in range(2))
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        low, high = high, low
    made = {"low": low, "high": high}
    with contextlib.suppress(TypeError, OverflowError, ArithmeticError):
        steps = chance.choice([1, 2, 3, 7, 10, 1000, 999_983])
        whole = {"step": kind((high - low) / steps) or 1, "high": high}
        made |= chance.choice([{}, {}, whole, {"log": True}, {"step": _value(chance, kind)}])
        if kind is int and isinstance(low, int) and isinstance(made.get("step", 1), int):
            made["high"] = low + abs(made.get("step", 1)) * steps
    return made | ({"also": [_value(chance, kind)]} if chance.random() < 0.3 else {})


def draw_override(chance: random.Random) -> bytes:
    """Return the texts of a few `--set`."""
    texts = []
    for _ in range(chance.randrange(1, 4)):
        key = chance.choice([*setting_paths(), chance.choice(inputs.WORDS), "provenance.x", "a.b"])
        value = chance.choice(
            [*inputs.WORDS, *inputs.PARTS, json.dumps(chance.choice(inputs.VALUES))]
        )
        text = chance.choice(["{}={}", "{}={}", "{} = {}", "{}{}"]).format(key, value)
        text = text if chance.random() < 0.7 else inputs.torn_text(chance, text)
        texts.append(text[:MOST_WORD])
    return json.dumps(texts).encode()


def override(content: bytes, _folder: Path) -> None:
    """Read the values of `--set` into a configuration."""
    with refusing():
        TrainConfig.from_dict(set_paths({}, read_overrides(json.loads(content))))


def draw_name(chance: random.Random) -> bytes:
    """Return a text for a name."""
    letters = [
        *"aZ09._-/ ~",
        "con",
        "..",
        "é",
        "\0",
        "\x1b[2J",
        "\udcff",
        "🙂",
        "x" * 250,
        ".toml",
    ]
    count = chance.choice([1, 1, 2, 3, 8, 40])
    name = "".join(chance.choice(letters) for _ in range(count))
    return json.dumps(chance.choice([name, chance.choice(inputs.WORDS)])).encode()


def name(content: bytes, folder: Path) -> None:
    """Use a text as the name of a search, a study, a home, and a data set."""
    text = json.loads(content)
    with refusing():
        find_study(text)
    with refusing():
        Home.find(Path(text)).check_writable()
    with refusing(), contextlib.suppress(OSError):  # commands report it in a line
        Places.find(Path(text)).locate_path(Wanted("own", (text,), "files", ""), _there)
    if list(folder.iterdir()):
        raise Fault("something was left behind")
    with refusing():
        check_name(text, "--name")
        place = folder / text
        place.mkdir()
        if sqlite_file(sqlite_url(place)) != place or place.parent != folder:
            raise Fault("the name makes another path")


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None


def draw_url(chance: random.Random) -> bytes:
    """Return a URL of a database or a server."""
    scheme = chance.choice(
        ["sqlite", "postgresql+psycopg", "postgres", "mysql", "http", "HTTPS", "file", "", "a b"]
    )
    parts = ["sqlite:", "/", "//", "a", "[::1", "]", ":99999", ":", "@", "?x=1", "#", "%", "%zz"]
    rest = "".join(chance.choice([*parts, *inputs.WORDS]) for _ in range(chance.randrange(6)))
    login = chance.choice(["", "", f"me:{SECRET}@", f"{SECRET}@", f"me:{SECRET}@x@"])
    host = chance.choice(["host", "host:5432", "[::1]:80", "", "/x.db", "//", ":0", "127.1"])
    query = chance.choice(["", "", f"?password={SECRET}", f"?a=b&token={SECRET}#x"])
    text = f"{scheme}{chance.choice(['://', ':///', ':', ''])}{login}{host}{rest}{query}"
    return json.dumps([text, chance.choice(inputs.WORDS)][chance.random() < 0.05]).encode()


def url(content: bytes, folder: Path) -> None:
    """Check a URL as a store, and print it: its password is never shown."""
    text = json.loads(content)
    printed = [shown(text), scrubbed(text, text)]
    is_loopback(text)
    for new in (False, True):
        for web in (False, True):
            with refusing():
                try:
                    check_store("the store", text, new=new, web=web)
                except RequestError as error:
                    printed.append(str(error))
                    raise
    with refusing():
        check_tracking(text, Home(folder / "home"), new=True)
    if list(folder.iterdir()):
        raise Fault("something was left behind")
    is_path = sqlite_file(text) is not None and SECRET not in text.partition("?")[2]
    if SECRET in secrets_of(text) and not is_path and any(SECRET in each for each in printed):
        raise Fault(f"a secret is shown: {printed!a:.400}")


def draw_curve(chance: random.Random) -> bytes:
    """Return a file of a trial's epochs."""
    lines = []
    for epoch in range(chance.randrange(5)):
        row = EPOCH | {"epoch": epoch + 1}
        if chance.random() < 0.5:
            row[chance.choice([*row, "more"])] = chance.choice(inputs.VALUES)
        lines.append(json.dumps(row if chance.random() < 0.9 else chance.choice(inputs.VALUES)))
    return inputs.torn(chance, "\n".join([*lines, ""]))


def curve(content: bytes, folder: Path) -> None:
    """Read the epochs of a trial."""
    (folder / "0.jsonl").write_bytes(content)
    for each in EpochLog(folder).read(0):
        if not isinstance(each.val_accuracy, float | int) or each.epoch < 1:
            raise Fault(f"{each!r:.300} is no epoch")


TARGETS = {
    **{ending: settings(ending) for ending in ("toml", "json", "yaml")},
    "space": Target(draw_space, lambda content, at: read(content, at / "it.toml"), 100, "toml"),
    "set": Target(draw_override, override, 200),
    "name": Target(draw_name, name, 100),
    "url": Target(draw_url, url, 100),
    "curve": Target(draw_curve, curve, 100, "jsonl"),
}
"""Targets by name."""
