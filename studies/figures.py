"""What the studies' figures share: colours safe for colour-blind readers, and a look."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


def subplots(
    rows: int, columns: int, size: tuple[float, float], *, share_y: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of some panels, in the common look, row by row."""
    with plt.rc_context(LOOK):
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=size,
            sharey=share_y,
            squeeze=False,
            layout="constrained",
        )
    return figure, list(axes.flat)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG and forget it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(LOOK):
        figure.savefig(path, dpi=150)
    plt.close(figure)
