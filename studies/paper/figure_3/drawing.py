"""Drawing of figure 3: a map of the double-loss for each schedule, and the remedies' gains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from studies.figures import BLACK, drawing, forest
from studies.paper.figure_3.arms import OFF, ON, SCHEDULES
from studies.paper.figure_3.findings import EXTRA, SHOWN
from studies.paper.report import Curve, Report

MOST = 160.0
"""Per cent of runs, and twice the points lost, at the deepest colour; so text stays legible."""


def draw(report: Report, path: Path) -> None:
    """Draw a row a schedule: extra loss, collapsed runs, gains."""
    with drawing(len(SCHEDULES), 3, (14, 7.6), path) as (_, panels):
        for schedule, row in zip(SCHEDULES, np.reshape(np.array(panels), (-1, 3)), strict=True):
            _extra(row[0], report, schedule)
            _collapsed(row[1], report, schedule)
            found = [each for each in report.effects if each.group == schedule]
            shown = [each for each in found if each.name in SHOWN and each.name != EXTRA]
            labels, gains = [each.name for each in shown], [each.interval for each in shown]
            forest(row[2], labels, gains, [None] * len(shown))
            row[2].set_title(f"{schedule}: what gains, points")


def _extra(axes: Axes, report: Report, schedule: str) -> None:
    """Draw the extra loss from removing both, with the λ that was chosen."""
    lost = report.curves_of(f"{schedule}: {EXTRA}")
    weights = report.curves_of(f"{schedule}: λ")
    texts = [
        [
            f"{value:+.1f}\nλ = {weight:g}".replace("-", "−")
            for value, weight in zip(a.mean, b.mean, strict=True)
        ]
        for a, b in zip(lost, weights, strict=True)
    ]
    _map(axes, lost, texts, (-MOST / 2, MOST / 2), "PuOr_r")
    axes.set_title(f"{schedule}: extra loss, points, and the λ chosen")


def _collapsed(axes: Axes, report: Report, schedule: str) -> None:
    """Draw the share of collapsed runs and the worst run, without the KL term and with it."""
    shares, worst = (
        [report.curves_of(f"{schedule}: {what}: {name}") for name in (OFF, ON)]
        for what in ("collapsed", "worst")
    )
    texts = [
        [
            f"{off:.0f} → {on:.0f} %\nworst {low:.0f} → {better:.0f}"
            for off, on, low, better in zip(*(each.mean for each in row), strict=True)
        ]
        for row in zip(*shares, *worst, strict=True)
    ]
    _map(axes, shares[0], texts, (0, MOST), "Oranges")
    axes.set_title(f"{schedule}: runs that collapse, λ = 0 → KL")


def _map(
    axes: Axes,
    rows: Sequence[Curve],
    texts: Sequence[Sequence[str]],
    ends: tuple[float, float],
    colours: str,
) -> None:
    """Draw values over sparsity and coreset share, as colours with texts on them."""
    axes.imshow(
        [each.mean for each in rows], cmap=colours, vmin=ends[0], vmax=ends[1], aspect="auto"
    )
    for place, row in enumerate(texts):
        for column, text in enumerate(row):
            axes.text(column, place, text, ha="center", va="center", color=BLACK)
    axes.set_xticks(range(len(rows[0].x)), [f"p = {each:.0%}" for each in rows[0].x])
    axes.set_yticks(range(len(rows)), [f"s = {each.name}" for each in rows])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
