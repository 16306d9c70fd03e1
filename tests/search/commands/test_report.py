"""`swast-search report`: path and name of the file, and refusals."""

from __future__ import annotations

import pytest

from search.cli import main
from search.commands.report import file_name
from search.store.epoch_log import EpochLog
from search.store.home import Home
from tests.search.support import epoch, finish, new_search, search_info, tree


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home with a search of three trials."""
    home = tmp_path_factory.mktemp("kept")
    finish(new_search(home, budget=3), (0.6, 0.01), (0.9, 1.0), (0.85, 0.05))
    EpochLog(Home(home).search("trip") / "histories").extend(0, [epoch(1, 0.5), epoch(2, 0.6)])
    return home


@pytest.fixture
def report(home, tmp_path, monkeypatch, capsys):
    """Return a function that runs the command in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(["report", *map(str, words), "--home", str(home)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_is_written_beside_the_reader_under_the_name_of_the_search(report, tmp_path, home):
    before = tree(home)
    assert report("trip") == (0, "trip-report.html\n", "")
    assert list(tree(tmp_path)) == ["trip-report.html"]
    assert tree(home) == before
    text = (tmp_path / "trip-report.html").read_text()
    assert "<h1>trip</h1>" in text


@pytest.mark.parametrize(
    ("out", "path"),
    [("r.html", "r.html"), ("new/r.html", "new/r.html"), (".", "trip-report.html")],
)
def test_is_written_to_the_path_asked_for(report, tmp_path, out, path):
    assert report("trip", "--out", out) == (0, f"{path}\n", "")
    assert (tmp_path / path).stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trp",), "no search named 'trp'; there are trip"),
        (("trip", "--out", "/proc/nowhere/r.html"), "--out /proc/nowhere/r.html: cannot be"),
        (("../trip",), "no search named '../trip'"),
    ],
)
def test_is_refused_in_a_line_with_nothing_written(report, tmp_path, words, said):
    code, out, err = report(*words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert said in err
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("trip", "trip-report.html"),
        ("../../etc/passwd", "etc-passwd-report.html"),
        ("<b>\"'", "b-report.html"),
        ("名前", "名前-report.html"),
        ("...", "search-report.html"),
        ("x" * 300, f"{'x' * 60}-report.html"),
    ],
)
def test_is_called_after_a_search_of_any_name(name, file, tmp_path):
    assert file_name(search_info(name=name)) == file
    (tmp_path / file).touch()
