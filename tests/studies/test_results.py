"""docs/results.md says what the studies' summaries say."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.double_loss import report as double_loss
from studies.four_arms import report as four_arms
from studies.summaries import Summary

DOCS = Path(__file__).parents[2] / "docs"
SUMMARIES = sorted((DOCS / "results").glob("*.json"))


def test_there_are_results():
    assert SUMMARIES


@pytest.mark.parametrize("path", SUMMARIES, ids=lambda path: path.stem)
def test_every_table_is_the_summarys(path):
    summary = Summary.read(path)
    report = double_loss if summary.study == "double-loss" else four_arms
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    for title, table in report.tables(summary).items():
        assert table in text, title
    assert f"results/{path.stem}.png" in text
    assert path.with_suffix(".png").exists()
