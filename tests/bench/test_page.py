"""docs/performance.md matches the measured figures."""

from __future__ import annotations

from docs import performance
from docs.pages import renewed

PAGE = performance.PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_figures():
    """Rewrite them with `python -m docs.performance`."""
    assert renewed(PAGE, performance.PARTS) == PAGE
    assert all(f"<!-- end of {name} -->" in PAGE for name in performance.PARTS)


def test_a_mark_that_is_missed_is_said_to_be():
    fast = performance.Mark("times faster", wanted=10, found=10, least=True)
    assert fast.row().endswith("| yes |")
    assert performance.Mark("seconds", wanted=0.1, found=0.1001, unit=" s").row() == (
        "| seconds | at most 0.1 s | 0.1001 s | **no** |"
    )
