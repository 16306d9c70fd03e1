"""Markdown tables, and results formatted as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from studies.statistics import Interval
from studies.summaries import ArmSummary

MISSING = "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; its first column is text, the others are figures."""
    lines = [head, [":--"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def percent(share: float | None, digits: int = 1) -> str:
    """Format a share in per cent, without the sign."""
    return MISSING if share is None else f"{100 * share:.{digits}f}"


def seconds(value: float | None) -> str:
    """Format seconds, without the unit."""
    return MISSING if value is None else f"{value:.2f}"


def accuracy(arm: ArmSummary) -> str:
    """Format an arm's accuracy: mean ± standard deviation, in per cent."""
    return f"{percent(arm.accuracy)} ± {percent(arm.spread)}"


def points(interval: Interval, digits: int = 1) -> str:
    """Format a difference in percentage points with its interval; bold if that excludes 0."""
    return plain(interval.scaled(100), digits)


def excluding(intervals: Sequence[Interval]) -> str:
    """Say how many of some 95 % intervals exclude 0, and how many would by chance."""
    found, chance = sum(each.sign != 0 for each in intervals), round(0.05 * len(intervals))
    return (
        f"{found} of {len(intervals)} intervals exclude 0; if there were no effect at all, about "
        f"{chance} would."
    )


def plain(interval: Interval, digits: int = 2) -> str:
    """Format a number with its interval; bold if that excludes 0."""
    mean, low, high = (
        f"{each:+.{digits}f}" for each in (interval.mean, interval.low, interval.high)
    )
    text = f"{mean} [{low}, {high}]".replace("-", "−")
    return f"**{text}**" if interval.sign else text
