"""docs/results.md says what the studies' summaries say."""

from __future__ import annotations

import json

import pytest

from docs import paper
from docs.pages import DOCS, renewed
from studies.paper import STUDIES
from studies.paper.page import render
from studies.paper.report import Report
from studies.statistics import Interval
from studies.summaries import ArmSummary
from studies.tables import accuracy, points

RESULTS = sorted((DOCS / "results").glob("*.json"))
SUMMARIES = [path for path in RESULTS if path.stem not in STUDIES]
REPORTS = [path for path in RESULTS if path.stem in STUDIES]


def test_there_are_results():
    assert SUMMARIES
    assert REPORTS


@pytest.mark.parametrize("path", SUMMARIES, ids=lambda path: path.stem)
def test_what_an_earlier_study_found_is_told_as_it_was(path):
    """Of studies whose code has gone: every accuracy and every difference."""
    picture = f"results/{path.stem}.png"
    parts = (DOCS / "results.md").read_text(encoding="utf-8").split("\n## ")
    (part,) = [each for each in parts if picture in each]
    assert "rained at commit" in part
    assert path.with_suffix(".png").exists()
    for group in json.loads(path.read_text(encoding="utf-8"))["groups"]:
        for arm in group["arms"].values():
            assert accuracy(ArmSummary(**arm)) in part
        for difference in group["differences"].values():
            assert points(Interval(**difference)) in part


def test_the_papers_part_is_made_of_its_reports():
    """Made anew by `python -m docs.paper`."""
    for path, parts in ((paper.PAGE, 1), (paper.RESULTS, 1)):
        page = path.read_text(encoding="utf-8")
        assert renewed(page, paper.PARTS) == page
        assert page.count("<!-- end of") == parts


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_report_is_whole_and_says_how_it_was_made(path):
    report = Report.read(path)
    made = report.made
    assert all((made.command, made.date, made.machine, made.commit))
    assert "edited" not in made.commit
    assert len(report.seeds) == STUDIES[report.study].seeds[report.scale]
    page, png = path.with_suffix(".html"), path.with_suffix(".png").read_bytes()
    assert page.read_text(encoding="utf-8") == render(report, png).rstrip("\n") + "\n"
    assert page.stat().st_size < 300_000
