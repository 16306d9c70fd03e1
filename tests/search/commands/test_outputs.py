"""Outputs of commands that are links, pipes or standard output, and names that are hostile."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from search.driver.launch import only_summary_on_output, write_summary
from search.driver.request import Request
from search.errors import RequestError, SearchFailedError
from search.loop.result import SearchResult
from search.plots.page import Page
from search.store.home import Home
from search.trials.repository import SearchTrials
from swast.config import read_config
from swast.printing import out
from tests.search.support import database, record, search_info
from tests.swast.broken import full_disk

HOSTILE = "\x1b[2J\x1b]0;\x07\u202e[red]"


@pytest.fixture(autouse=True)
def short_page(monkeypatch):
    """Replace the page of a report, which is megabytes of Plotly."""
    monkeypatch.setattr(Page, "render", lambda page: f"<h1>{page.title}</h1>\n")


@pytest.fixture
def result():
    """Return the result of a search without trials."""
    return SearchResult(search_info(), (), "finished")


class TestReport:
    def test_goes_to_standard_output_alone(self, place, swast_search):
        code, out, err = swast_search("report", "trip", "--home", "home", "--out", "-")
        assert (code, out.startswith("<h1>"), err) == (0, True, "-\n")

    def test_goes_through_a_pipe(self, place, swast_search):
        os.mkfifo("pipe")
        found = []
        reader = threading.Thread(target=lambda: found.append(Path("pipe").read_text()))
        reader.start()
        assert swast_search("report", "trip", "--home", "home", "--out", "pipe")[0] == 0
        reader.join()
        assert found[0].startswith("<h1>")
        assert Path("pipe").is_fifo()

    def test_goes_through_a_link(self, place, swast_search):
        Path("link").symlink_to("page")
        assert swast_search("report", "trip", "--home", "home", "--out", "link")[0] == 0
        assert Path("link").is_symlink()
        assert Path("page").read_text().startswith("<h1>")

    def test_on_a_full_disk_is_a_line(self, place, swast_search):
        with full_disk() as disk:
            path = f"/dev/fd/{disk.fileno()}"
            code, out, err = swast_search("report", "trip", "--home", "home", "--out", path)
        line = f"swast-search: --out {path}: cannot be written: No space left on device\n"
        assert (code, out, err) == (1, "", line)

    @pytest.mark.parametrize("path", ["/dev/fd/987", "home/optuna.db/r.html"])
    def test_into_nowhere_is_refused(self, refused, path):
        line = refused("report", "trip", "--home", "home", "--out", path)
        assert f"--out {path}: cannot be written: " in line


def test_an_exported_file_goes_through_a_link(place, swast_search):
    Path("best").mkdir()
    Path("best/knee.toml").symlink_to("../mine.toml")
    Path("mine.toml").write_text("old")
    Path("mine.toml").chmod(0o640)
    assert swast_search("export", "trip", "--home", "home", "--out", "best")[0] == 0
    assert Path("best/knee.toml").is_symlink()
    assert read_config(Path("mine.toml")).epochs == 4
    assert Path("mine.toml").stat().st_mode & 0o777 == 0o640


class TestSummary:
    def test_goes_to_standard_output_alone(self, result, capsys):
        request = Request(json=Path("-"))
        with only_summary_on_output(request):
            out("a line")
            write_summary(request, result)
        found = capsys.readouterr()
        assert (json.loads(found.out)["name"], found.err) == ("trip", "a line\n")

    def test_on_a_full_disk_is_an_error_that_says_where_to_find_it(self, result):
        with full_disk() as disk:
            request = Request(json=Path(f"/dev/fd/{disk.fileno()}"))
            with pytest.raises(SearchFailedError, match=r"No space left on device; .*show trip"):
                write_summary(request, result)

    @pytest.mark.parametrize("path", [".", "home/optuna.db/s.json", "/dev/fd/987"])
    def test_into_nowhere_is_refused_before_the_search(self, refused, path):
        words = ("--study", "tiny.toml", "--gpus", "0", "--home", "home", "--json", path)
        assert f"--json {path}: cannot be written to: " in refused(*words)

    def test_under_a_name_that_no_file_can_have_is_refused(self, refused):
        line = refused("--study", "tiny.toml", "--json", "s" * 256)
        assert "argument --json: must be a path (a name in it: up to 255 bytes), got 'sss" in line


class TestHostileText:
    """Names of studies and reasons of failures come from files and networks of others."""

    @pytest.mark.parametrize("words", [("list",), ("show", "bad")])
    def test_is_printed_without_control_characters(self, place, swast_search, monkeypatch, words):
        monkeypatch.setenv("COLUMNS", "200")
        info = search_info(name="bad")
        info = replace(info, study=replace(info.study, name=HOSTILE))
        trials = SearchTrials.create(database(place / "home"), info)
        trials.settle(record(trials.ask().number, state="failed", reason=HOSTILE))
        code, out, err = swast_search(*words, "--home", "home")
        assert (code, err) == (0, "")
        assert all(line.isprintable() for line in out.split("\n"))
        assert "[red]" in out

    def test_is_so_in_errors_too(self, refused):
        assert refused("show", HOSTILE, "--home", "home").isprintable()
        assert refused("--study", HOSTILE, "--gpus", "0").isprintable()


class TestAFolderThatIsGone:
    @pytest.fixture(autouse=True)
    def gone(self, place, monkeypatch):
        Path("gone").mkdir()
        monkeypatch.chdir("gone")
        Path("../gone").rmdir()

    @pytest.mark.parametrize("words", [("list",), ("--study", "digits", "--gpus", "0"), ("ui",)])
    def test_is_a_line(self, swast_search, words):
        code, out, err = swast_search(*words)
        line = "swast-search: the current folder does not exist any more; change to another one\n"
        assert (code, out, err) == (2, "", line)

    def test_is_refused_from_python_where_it_matters(self, place):
        with pytest.raises(RequestError, match="the current folder does not exist any more"):
            Home.find(None)
        home = Home.find(place / "home")
        assert not home.is_default
        assert SearchTrials.load(database(home.path), "trip").info.name == "trip"
