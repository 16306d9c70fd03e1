"""The four arms: test accuracy against the bill, a panel a level of noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from studies.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, drawing
from studies.summaries import ArmSummary, Summary

COLOURS = {"el2n-easy": SKY, "el2n": GREEN, "gradmatch": BLUE, "random": ORANGE}
MARKERS = {
    "dense": "*",
    "pruning only, trim": "v",
    "pruning only, cut": "^",
    "coreset only": "o",
    "coreset only, KL": "P",
    "SWaST trim": "s",
    "SWaST cut": "D",
}


OFF_SCALE = 0.4
"""Arms so much less accurate than the best are told in words, or the others could not be seen."""


def kind_of(name: str) -> tuple[str, str | None]:
    """An arm's kind and its scorer, from its name."""
    for scorer in COLOURS:  # el2n-easy before el2n
        if f", {scorer}" in name:
            return name.replace(f", {scorer}", ""), scorer
    return name, None


def draw(summary: Summary, path: Path) -> None:
    """Draw the figure to a PNG."""
    count = len(summary.groups)
    with drawing(1, count, (1.5 + 3.6 * count, 5), path) as (figure, axes):
        for panel, group in zip(axes, summary.groups, strict=True):
            _panel(panel, group.arms)
            panel.set_title(group.name)
        axes[0].set_ylabel("test accuracy, %: mean ± standard deviation")
        handles = _legend([kind_of(name) for name in summary.groups[0].arms])
        figure.legend(handles=handles, loc="outside lower center", ncols=4)


def _legend(kinds: Sequence[tuple[str, str | None]]) -> list[Line2D]:
    """A handle for each shape and each colour that occurs."""
    shapes = dict.fromkeys(kind for kind, _ in kinds)
    scorers = dict.fromkeys(scorer for _, scorer in kinds if scorer)
    return [
        Line2D([], [], ls="", marker=MARKERS[kind], color=GREY, mec=BLACK, ms=8, label=kind)
        for kind in shapes
    ] + [
        Line2D([], [], lw=6, color=COLOURS[scorer], label=f"samples by {scorer}")
        for scorer in scorers
    ]


def _panel(axes: Axes, arms: Mapping[str, ArmSummary]) -> None:
    best = max(arm.accuracy for arm in arms.values())
    shown = {name: arm for name, arm in arms.items() if arm.accuracy > best - OFF_SCALE}
    _note(axes, {name: arm for name, arm in arms.items() if name not in shown})
    for name, arm in shown.items():
        kind, scorer = kind_of(name)
        axes.errorbar(
            100 * arm.relative_flops,
            100 * arm.accuracy,
            yerr=100 * arm.spread,
            fmt=MARKERS[kind],
            color=COLOURS[scorer] if scorer else PURPLE,
            mec=BLACK,
            mew=0.6,
            ms=12 if kind == "dense" else 7.5,
            elinewidth=1,
            alpha=0.9,
        )
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [tick for tick in (10, 15, 20, 30, 40, 50, 70, 100) if low <= tick <= high]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("training FLOPs, % of dense")
    axes.grid(axis="both")


def _note(axes: Axes, hidden: Mapping[str, ArmSummary]) -> None:
    """Say which arms are off the scale, scorer by scorer."""
    found: dict[str, list[float]] = {}
    for name, arm in hidden.items():
        found.setdefault(kind_of(name)[1] or name, []).append(100 * arm.accuracy)
    for line, (scorer, values) in enumerate(found.items()):
        low, high = (f"{end:.0f}" for end in (min(values), max(values)))
        axes.text(
            0.02,
            0.02 + 0.06 * line,
            f"{scorer}: {low if low == high else f'{low} to {high}'} %, off the scale",
            color=COLOURS.get(scorer, BLACK),
            transform=axes.transAxes,
        )
