"""docs/results.md matches the studies' reports."""

from __future__ import annotations

import re

import pytest

from docs import paper
from docs.pages import DOCS, MARKED, renewed
from studies.paper import STUDIES
from studies.paper.page import render
from studies.paper.report import Report
from studies.paper.words import markdown

REPORTS = sorted((DOCS / "results").glob("*.json"))
MEASURED = re.compile(r"[+−][\d.]+ \[[+−][\d.]+, [+−][\d.]+\]")


def test_every_study_was_run():
    assert {path.stem for path in REPORTS} == set(STUDIES)


def test_the_pages_are_made_of_the_reports():
    """Rewrite them with `python -m docs.paper`."""
    for path, parts in ((paper.PAGE, 2), (paper.RESULTS, 2)):
        page = path.read_text(encoding="utf-8")
        assert renewed(page, paper.PARTS) == page
        assert page.count("<!-- end of") == parts


def test_what_is_said_of_the_reports_is_in_them():
    """Check every difference in the page's own text, to the digit."""
    said = MARKED.sub("", paper.RESULTS.read_text(encoding="utf-8"))
    reports = "".join(map(markdown, paper.reports()))
    found = MEASURED.findall(said)
    assert found
    assert [each for each in found if each not in reports] == []


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_report_is_whole_and_says_how_it_was_made(path):
    report = Report.read(path)
    made = report.made
    assert all((made.command, made.date, made.machine, made.commit))
    assert "edited" not in made.commit
    assert len(report.seeds) == STUDIES[report.study].seeds[report.scale]
    page, png = path.with_suffix(".html"), path.with_suffix(".png").read_bytes()
    assert page.read_text(encoding="utf-8") == render(report, png).rstrip("\n") + "\n"
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert text == markdown(report).rstrip("\n") + "\n"
    assert page.stat().st_size < 300_000
