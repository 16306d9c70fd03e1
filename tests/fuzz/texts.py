"""Target of texts in stored searches: what reaches a terminal or a page does nothing there."""

from __future__ import annotations

import contextlib
import functools
import html.parser
import io
import json
import os
import random
import sqlite3
from pathlib import Path
from typing import Any

from search.cli import main
from swast.printing import err, out
from tests.fuzz import home, inputs
from tests.fuzz.bounds import CONTROL, Fault, check_printed
from tests.fuzz.target import Target

PIECES = [
    *(
        "<script>alert(1)</script>",
        "</script>",
        "</style>",
        "<!--",
        "-->",
        "&lt;",
        "&#x3c;b>",
        "<b",
    ),
    *('"', "'", "onload=x", "javascript:x", "</title>", "</td></table>", "\u2028", "]]>", "${x}"),
    *(
        "\x1b[31m",
        "\x1b]0;x\x07",
        "\r",
        "\b" * 9,
        "\u202e",
        "\n",
        "[bold red]",
        "[/]",
        "{name}",
        "%s",
    ),
    *("\x9b2J", "🙂", "x" * 500, "../..", "`x`", "](http://x)", "\t", "a", "b"),
]
"""Texts that a terminal, Rich, Markdown or HTML would obey."""
PLACES = ("reason", "environment", "reference", "uid", "tracking_uri")
"""Where the text is put: into facts of the search "bad", or of its trials."""


class Outline(html.parser.HTMLParser):
    """Tags of a page, with the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(f"{tag} {sorted(name for name, _ in attrs)}")


def draw(chance: random.Random) -> bytes:
    """Return a text, and the place where it is put."""
    count = chance.randrange(1, 6)
    text = "".join(chance.choice(PIECES) for _ in range(count))
    return json.dumps({"text": text, "place": chance.choice(PLACES)}).encode()


def attempt(content: bytes, folder: Path) -> None:
    """Put a text into a search; show it, and write its report."""
    text, place = json.loads(content).values()
    page = written(text, place, folder)
    if page is None:
        return
    plain = _plain(place)
    if plain is not None and Outline(page).tags != list(plain):
        raise Fault("the page has other tags")
    if "\x1b" in page or "\b" in page:
        raise Fault("the page has control characters")


@functools.cache
def _plain(place: str) -> tuple[str, ...] | None:
    """Return the tags of the report with a harmless text."""
    before = Path.cwd()
    folder = before / "plain"
    folder.mkdir()
    os.chdir(folder)
    try:
        page = written("plain", place, folder)
        return None if page is None else tuple(Outline(page).tags)
    finally:
        os.chdir(before)


def written(text: str, place: str, folder: Path) -> str | None:
    """Return the report of a search with a text in it, None if the search is refused."""
    home.copy_to(folder)
    os.environ.pop("SWAST_HOME", None)
    with contextlib.closing(sqlite3.connect(folder / "home" / "optuna.db")) as base, base:
        put(base, text, place)
    for words in (["list"], ["show", "bad"], ["report", "bad", "--out", "page.html"]):
        if run(words) and words[0] == "report":
            return None
    return (folder / "page.html").read_text()


def put(base: sqlite3.Connection, text: str, place: str) -> None:
    """Replace every value of a name in the facts of all searches and trials."""
    for table in ("study_user_attributes", "trial_user_attributes"):
        rows = base.execute(f"SELECT rowid, key, value_json FROM {table}").fetchall()
        for row, key, value in rows:
            new = json.dumps(_replaced({key: json.loads(value)}, place, text)[key])
            base.execute(f"UPDATE {table} SET value_json = ? WHERE rowid = ?", (new, row))


def _replaced(value: Any, place: str, text: str) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: _with_text(old, text) if key == place else _replaced(old, place, text)
        for key, old in value.items()
    }


def _with_text(old: object, text: str) -> object:
    return {"torch": text, "device": text} if isinstance(old, dict) else text


def run(words: list[str]) -> int:
    """Run a command and check what it prints; return its exit code."""
    printed, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
        code = main([*words, "--home", "home"])
    check_printed(code, printed.getvalue(), said.getvalue())
    return code


def draw_line(chance: random.Random) -> bytes:
    """Return a text to print."""
    pieces = [*PIECES, *inputs.PARTS, *inputs.WORDS]
    text = "".join(chance.choice(pieces) for _ in range(chance.randrange(1, 6)))
    return json.dumps(inputs.torn_text(chance, text)).encode()


def print_line(content: bytes, _folder: Path) -> None:
    """Print a text as a line, on terminals of several encodings."""
    text = json.loads(content)
    for encoding in ("utf-8", "ascii", "latin-1"):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding)
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            out(text)
            err(text)
            stream.flush()
        printed = raw.getvalue().decode(encoding)
        if printed.count("\n") != 2 or CONTROL.search(printed):
            raise Fault(f"printed in {encoding}: {printed!a:.400}")


TARGETS = {
    "text": Target(draw, attempt, 2, runs=6, share=2),
    "line": Target(draw_line, print_line, 100),
}
"""Targets by name."""
