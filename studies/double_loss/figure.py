"""The double-loss in two panels: how accurate runs are, and what each remedy gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from studies.double_loss.protocol import OFF, ON, Severity
from studies.double_loss.report import (
    GAIN,
    RANDOM_GAIN,
    SCALED_GAIN,
    UNPRUNED_GAIN,
    Results,
)
from studies.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, drawing
from studies.summaries import Group, Summary, accuracies

REMEDIES = {
    GAIN: (BLUE, "o", "KL (preservation)"),
    SCALED_GAIN: (ORANGE, "s", "control 1: cross-entropy × (1 + λ), no KL"),
    UNPRUNED_GAIN: (GREEN, "^", "control 2: KL without pruning"),
    RANDOM_GAIN: (PURPLE, "D", "control 3: KL on coresets redrawn at random"),
}


def draw(summary: Summary, results: Results, path: Path) -> None:
    """Draw the figure to a PNG."""
    count = len(summary.groups)
    with drawing(1, 2, (12.5, 2.2 + 0.55 * count), path) as (figure, (left, right)):
        _runs(left, summary.groups, results)
        _gains(right, summary.groups)
        left.set_yticks(range(count), [_label(severity) for severity in results])
        right.set_yticks(range(count), [""] * count)
        for axes, side in ((left, "left"), (right, "right")):
            axes.set_ylim(count - 0.5, -0.5)
            axes.grid(axis="x")
            axes.tick_params(length=0)
            for row in range(0, count, 2):
                axes.axhspan(row - 0.5, row + 0.5, color="#f6f6f6", zorder=0)
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(handles, labels, loc=f"outside lower {side}", ncols=2)


def _label(severity: Severity) -> str:
    return (
        f"{severity.model}\np = {severity.sparsity:g}, s = {severity.fraction:g}, "
        f"{severity.schedule}"
    )


def _runs(axes: Axes, groups: Sequence[Group], results: Results) -> None:
    """A dot a run with preservation off and on, and the threshold of collapse."""
    looks: Mapping[str, tuple[str, float]] = {OFF: (GREY, -0.17), ON: (BLUE, 0.17)}
    for row, (group, arms) in enumerate(zip(groups, results.values(), strict=True)):
        for name, (colour, shift) in looks.items():
            found = [100 * each for each in accuracies(arms[name])]
            axes.plot(found, [row + shift] * len(found), "o", color=colour, alpha=0.45, ms=5)
            mean = 100 * group.arms[name].accuracy
            axes.plot([mean, mean], [row + shift - 0.15, row + shift + 0.15], color=BLACK, lw=2)
        limit = 100 * group.threshold[OFF]
        axes.plot([limit, limit], [row - 0.42, row + 0.42], ":", color=ORANGE, lw=1.6)
    axes.plot([], [], "o", color=GREY, label="λ = 0")
    axes.plot([], [], "o", color=BLUE, label="KL, λ as chosen")
    axes.plot([], [], color=BLACK, lw=2, label="mean")
    axes.plot([], [], ":", color=ORANGE, lw=1.6, label="collapsed to the left of this")
    axes.set_title("Pruned networks on GradMatch coresets, a dot a run")
    axes.set_xlabel("test accuracy, %")


def _gains(axes: Axes, groups: Sequence[Group]) -> None:
    """Gains over the same training without the KL term, with their intervals."""
    axes.axvline(0, color=BLACK, lw=1)
    for place, (name, (colour, marker, label)) in enumerate(REMEDIES.items()):
        shift = 0.2 * (place - 1.5)
        found = [group.differences[name] for group in groups]
        axes.errorbar(
            [100 * each.mean for each in found],
            [row + shift for row in range(len(found))],
            xerr=[
                [100 * (each.mean - each.low) for each in found],
                [100 * (each.high - each.mean) for each in found],
            ],
            fmt=marker,
            color=colour,
            ms=5,
            lw=1.4,
            label=label,
        )
    axes.set_title("Gain, paired by seed, with 95 % bootstrap intervals")
    axes.set_xlabel("test accuracy gained, percentage points")
