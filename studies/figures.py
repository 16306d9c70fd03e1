"""The common look of the studies' figures, in colours safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Protocol, TypeAlias

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from studies.statistics import Interval
from swast.outputs import output


class Banded(Protocol):
    """Line with a band around it (see `studies.paper.report.Curve`)."""

    @property
    def name(self) -> str:
        """Name in the legend."""

    @property
    def x(self) -> Sequence[float]:
        """Positions on the x axis."""

    @property
    def mean(self) -> Sequence[float]:
        """Values at those positions."""

    @property
    def low(self) -> Sequence[float]:
        """Lower edge of the band."""

    @property
    def high(self) -> Sequence[float]:
        """Upper edge of the band."""


Panels: TypeAlias = tuple[Figure, list[Axes]]

BLACK, GREY = "#222222", "#9a9a9a"
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
)
"""From the palette of Okabe and Ito (2008)."""

LOOK = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


@contextmanager
def drawing(rows: int, columns: int, size: tuple[float, float], path: Path) -> Iterator[Panels]:
    """Yield a figure and its panels; write it as PNG if the block ends without an error."""
    with plt.rc_context(LOOK):
        figure, axes = plt.subplots(
            rows, columns, figsize=size, squeeze=False, layout="constrained"
        )
        try:
            yield figure, list(axes.flat)
            _write(figure, path)
        finally:
            plt.close(figure)


def _write(figure: Figure, path: Path) -> None:
    """Write a PNG of 256 colours, a third of the size of one with all colours."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=150)
    with Image.open(drawn) as image, output(path) as file:
        few = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        few.save(file, format="png", optimize=True)


def band(axes: Axes, curve: Banded, colour: str, dash: str = "-", marker: str = "") -> None:
    """Draw a line, and its band if it has one."""
    axes.plot(curve.x, curve.mean, dash + marker, color=colour, lw=1.8, ms=4, label=curve.name)
    if list(curve.low) != list(curve.high):
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.15, lw=0)


def forest(
    axes: Axes, labels: Sequence[str], gains: Sequence[Interval], paper: Sequence[float | None]
) -> None:
    """Draw differences in points, one a row, with their intervals and the paper's values."""
    axes.axvline(0, color=BLACK, lw=1)
    rows = range(len(labels))
    shown = [each.scaled(100) for each in gains]
    for row, each in zip(rows, shown, strict=True):
        colour = BLUE if each.sign > 0 else ORANGE if each.sign < 0 else GREY
        axes.plot([each.low, each.high], [row, row], color=colour, lw=2)
        axes.plot(each.mean, row, "o", color=colour, ms=6)
    known = [(row, 100 * each) for row, each in zip(rows, paper, strict=True) if each is not None]
    if known:
        places, values = zip(*known, strict=True)
        axes.plot(values, places, "D", mfc="none", mec=BLACK, ms=7, label="the paper's")
    for row in range(0, len(labels), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#f6f6f6", zorder=0)
    axes.set_yticks(list(rows), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
