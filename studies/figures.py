"""What the studies' figures share: colours safe for colour-blind readers, and a look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    """A figure of some panels in the common look; written as PNG when the block ends well."""
    with plt.rc_context(LOOK):
        figure, axes = plt.subplots(
            rows, columns, figsize=size, squeeze=False, layout="constrained"
        )
        try:
            yield figure, list(axes.flat)
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=150)
        finally:
            plt.close(figure)
