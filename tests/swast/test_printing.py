"""Printing to terminals of any encoding, to full disks, closed pipes and nowhere."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager

import pytest
from rich.live import Live
from rich.table import Table

from swast.printing import (
    Stream,
    err,
    guarded,
    is_lost,
    keeping_free,
    out,
    out_json,
    out_rich,
    standard_output,
)
from swast.screen import Screen
from tests.swast.broken import BROKEN, close

HOSTILE = "\x1b[2J\x1b]0;title\x07a\u202eb\x9b1m\r\u2028[red]c[/]"
ESCAPED = r"\x1b[2J\x1b]0;title\x07a\u202eb\x9b1m\r\u2028[red]c[/]"


def terminal(encoding):
    """Return a stream of that encoding, which is strict."""
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")


def written(stream):
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)


@pytest.fixture(params=BROKEN, ids=lambda made: made.__name__)
def broken(request):
    """Return a context in which both standard streams are broken; it yields their error."""

    @contextmanager
    def replacing():
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = made = request.param(), request.param()
        try:
            yield BROKEN[request.param]
        finally:
            assert (sys.stdout, sys.stderr) == made
            sys.stdout, sys.stderr = before
            for stream in made:
                close(stream)

    return replacing()


class TestEncodings:
    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("utf-8", "± 1 × 2 — λ… “é” 名"),
            ("latin-1", '± 1 × 2 - lambda... "é" \\u540d'),
            ("ascii", '+/- 1 x 2 - lambda... "\\xe9" \\u540d'),
            ("cp437", '± 1 x 2 - lambda... "é" \\u540d'),
        ],
    )
    def test_show_what_they_have_and_spell_the_rest(self, encoding, text):
        inner = terminal(encoding)
        Stream(inner).write("± 1 × 2 — λ… “é” 名")
        assert written(inner) == text

    @pytest.mark.parametrize("encoding", ["utf-8", "ascii", "utf-16", "cp037"])
    def test_spell_names_of_files_that_are_no_text(self, encoding):
        inner = terminal(encoding)
        Stream(inner).write(os.fsdecode(b"a\xff"))
        assert written(inner) == "a\\udcff"

    @pytest.mark.parametrize(("encoding", "edge"), [("utf-8", "│"), ("ascii", "|")])
    def test_have_lines_for_tables(self, encoding, edge, monkeypatch):
        inner = terminal(encoding)
        monkeypatch.setattr(sys, "stdout", inner)
        table = Table("name")
        table.add_row("x")
        out_rich(table)
        assert f"{edge} x    {edge}\n" in written(inner)


class TestControlCharacters:
    def test_are_escaped_in_lines(self, capsys):
        out(HOSTILE)
        err(HOSTILE)
        assert capsys.readouterr() == (f"{ESCAPED}\n", f"{ESCAPED}\n")

    def test_are_escaped_in_tables_whoever_fills_them(self, monkeypatch):
        inner = terminal("utf-8")
        monkeypatch.setattr(sys, "stdout", inner)
        monkeypatch.setenv("COLUMNS", "200")
        table = Table("name", title=HOSTILE)
        table.add_row(HOSTILE)
        out_rich(table)
        text = written(inner)
        assert all(line.isprintable() for line in text.split("\n"))
        assert "\\x1b[2J" in text
        assert "[red]c[/]" in text

    def test_of_rich_itself_steer_the_terminal(self, monkeypatch):
        inner = terminal("utf-8")
        monkeypatch.setattr(sys, "stdout", inner)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("FORCE_COLOR", "1")
        with Live(console=Screen(), auto_refresh=False, transient=True) as live:
            live.update("text", refresh=True)
        assert "\x1b[?25l" in written(inner)


class TestLostOutput:
    def test_never_raises_and_is_remembered(self, broken):
        with broken as error, guarded() as streams:
            for _ in range(3):
                out("line")
                err("line")
                out_json({"a": 1})
                out_rich(Table("name"))
                print("line", file=sys.stdout, flush=True)  # noqa: T201 - as libraries do
            assert is_lost()
            assert [each.loss.errno for each in streams] == [error, error]
            assert not sys.stdout.isatty()

    def test_of_a_live_display_never_raises(self, broken, monkeypatch):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("FORCE_COLOR", "1")
        with broken, guarded(), Live(console=Screen(), auto_refresh=False) as live:
            live.update(Table("name"), refresh=True)
            live.console.print("line")
            err("line")

    def test_never_raises_without_a_command(self, broken):
        """As from a notebook, whose streams are its own."""
        with broken:
            out("line")
            err("line")
            out_rich(Table("name"))

    def test_is_nothing_where_all_was_printed(self, capsys):
        with guarded() as streams:
            out("line")
        assert [each.loss for each in streams] == [None, None]
        assert capsys.readouterr().out == "line\n"


def test_streams_are_put_back_after_an_error():
    before = sys.stdout, sys.stderr
    with pytest.raises(ZeroDivisionError), guarded():
        1 / 0  # noqa: B018
    assert (sys.stdout, sys.stderr) == before


def test_an_output_has_standard_output_alone(capsys):
    with guarded(), keeping_free(True):
        out("text")
        standard_output().send(json.dumps([1]).encode())
        out("more")
    assert capsys.readouterr() == ("[1]", "text\nmore\n")


def test_an_output_goes_to_a_stream_without_bytes(monkeypatch):
    """As that of a notebook."""
    inner = io.StringIO()
    monkeypatch.setattr(sys, "stdout", inner)
    standard_output().send("é".encode())
    assert inner.getvalue() == "é"
