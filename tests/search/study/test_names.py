"""Tests of malicious names: each is refused in one line, or shown literally."""

from __future__ import annotations

import html
import json

import pytest
from rich.console import Console

from search import cli
from search.console import live
from search.errors import RequestError
from search.objectives import STANDARD
from search.study.names import check_name
from search.study.study_file import parse_study
from search.tracking.description import markdown
from search.trials.repository import SearchTrials
from search.trials.stored_searches import search_names
from swast.errors import ConfigError, printable
from tests.search.support import BARE, database, finish, new_search, record, tree

NASTY = [
    "",
    " ",
    ".",
    "..",
    "../escape",
    "a/b",
    "a\\b",
    "/etc/passwd",
    "-rf",
    "--help",
    ".hidden",
    "two words",
    "a\nb",
    "a\x00b",
    "\x1b[31mred",
    "quote'\"",
    "$(touch x)",
    "`touch x`",
    "a;touch x",
    "a|b",
    "a&b",
    "*",
    "~",
    "%s",
    "é",
    "e\u0301",
    "\u202egnp.exe",
    "עברית",
    "🙂",
    "\udcff",
    "<img src=x onerror=alert(1)>",
    "[bold]x[/]",
    "x" * 300,
    "con",
    "NUL",
    "Com1.txt",
    "ends.",
]
FILES = [name for name in NASTY if not set("/\0") & set(name) and len(name) < 200]
"""Names that a file can have on this machine."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home with one search, which no test changes."""
    home = tmp_path_factory.mktemp("home")
    finish(new_search(home), (0.9, 0.1))
    return home


@pytest.fixture
def refused(home, capsys):
    """Run a command that must be refused in one harmless line and write nothing."""

    def run(*words):
        before = tree(home)
        try:
            code = cli.main([*words, "--home", str(home)])
        except SystemExit as leaving:
            code = leaving.code
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        (line,) = err.split("\n")[:-1]
        assert line.isprintable()
        assert tree(home) == before
        return line

    return run


class TestANastyName:
    @pytest.mark.parametrize("name", NASTY)
    def test_is_refused_by_every_command(self, refused, name):
        refused(f"--name={name}", "--gpus", "0", "--study", "digits")
        refused(f"--resume={name}", "--gpus", "0")
        for command in ("show", "watch", "delete", *(["gc", "ui"] if name else [])):
            refused(command, *(["--"] if name.startswith("-") else []), name)

    @pytest.mark.parametrize("name", FILES)
    def test_is_refused_of_a_study_file(self, refused, tmp_path, name):
        path = tmp_path / f"{name}.toml"
        path.write_text(BARE)
        line = refused("--study", str(path), "--gpus", "0")
        assert "a study file's name must be letters" in line

    def test_is_ignored_in_a_database_that_others_write_to(self, tmp_path):
        for name in ("../../outside", "trip"):
            new_search(tmp_path, name=name)
        assert search_names(database(tmp_path)) == ["trip"]
        with pytest.raises(RequestError, match=r"there are trip$"):
            SearchTrials.load(database(tmp_path), "../../outside")


@pytest.mark.parametrize("name", ["a", "A-1_b.2", "x" * 100, "console", "null"])
def test_a_plain_name_is_a_name(name):
    check_name(name, "it")


class TestANameOfAReference:
    @pytest.mark.parametrize("name", ["", "a\\nb", "\\u001b[31m", "\\u202egnp", "x" * 101])
    def test_is_refused_if_it_cannot_be_shown(self, name):
        with pytest.raises(ConfigError, match="must be printable") as caught:
            parse_study("tiny", f'{BARE}[references."{name}"]\ninterval = 2\n')
        assert str(caught.value).isprintable()

    @pytest.mark.parametrize("name", ["[bold]x[/]", "[/]", "[red", "é 🙂", "<b>", "a|b"])
    def test_reads_as_it_is_in_tables_and_lines(self, name, capsys):
        console = Console(width=200)
        console.print(live.front_table([record(0, reference=name)], STANDARD))
        assert f"#0 {name}" in capsys.readouterr().out


def test_a_reason_with_control_characters_does_nothing_to_the_terminal():
    failed = record(0, state="failed", reason="\x1b[2Jgone\nsecond line\x07")
    assert live.outcome(failed, STANDARD) == (
        r"#0: failed after 4 epochs: \x1b[2Jgone\nsecond line\x07"
    )


def test_markdown_shows_a_text_as_it_is():
    text = "<img src=x> | **a** [b](javascript:c) `d` _e_ # f\n"
    shown = markdown(text)
    assert not set("<>|*[]()`_\n") & set(shown)
    assert html.unescape(shown) == printable(text)


def test_json_bears_any_reason(tmp_path, capsys):
    trials, reason = new_search(tmp_path), '\x1b[2J"\n🙂\u202e'
    trials.settle(record(trials.ask().number, state="failed", reason=reason))
    assert cli.main(["show", "trip", "--json", "--home", str(tmp_path)]) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    assert trial["reason"] == reason
