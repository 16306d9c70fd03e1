"""Colours of every plot in the light and the dark scheme, distinct for the colour-blind.

Plots are composed in the light scheme's colours. `NIGHT` maps them to the dark scheme's.
"""

from __future__ import annotations

from matplotlib import colormaps
from matplotlib.colors import to_hex

# Okabe and Ito's colours.
BLUE, SKY, VERMILLION, BLACK = "#0072B2", "#56B4E9", "#D55E00", "#000000"
GREEN, ORANGE, PURPLE, YELLOW = "#009E73", "#E69F00", "#CC79A7", "#F0E442"
INK, FADED, GRID, PAPER = "#222222", "#5F5F5F", "#E8E8E8", "#FFFFFF"
HALO = f"0 0 3px {PAPER}, 0 0 3px {PAPER}"
"""Shadow around text, for contrast with marks behind it."""
KINDS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW, BLACK)
"""Colours of categories without an order."""
STEPS = 32


def _shades(low: float, high: float) -> tuple[str, ...]:
    """Return equal steps of viridis between two shares of it; its brightness rises evenly."""
    viridis = colormaps["viridis"]
    return tuple(
        to_hex(viridis(low + (high - low) * step / (STEPS - 1))).upper() for step in range(STEPS)
    )


SHADES, NIGHT_SHADES = _shades(0.0, 0.93), _shades(0.22, 1.0)
"""Colours of numbers, from the lowest to the highest."""
NIGHT_PAPER = "#15181D"
NIGHT = {
    PAPER: NIGHT_PAPER,
    INK: "#E6E6E6",
    FADED: "#A6ABB3",
    GRID: "#30353D",
    HALO: HALO.replace(PAPER, NIGHT_PAPER),
    BLACK: "#F5F5F5",
    BLUE: "#63BDF5",
    SKY: "#4686B4",
    VERMILLION: "#FF7B2E",
    GREEN: "#22BF93",
} | dict(zip(SHADES, NIGHT_SHADES, strict=True))
"""Colours of the dark scheme by those of the light scheme."""


def shade(share: float) -> str:
    """Return the colour of a number, given as a share from the lowest (0) to the highest (1)."""
    return SHADES[min(max(round(share * (STEPS - 1)), 0), STEPS - 1)]


def kinds(count: int) -> list[str]:
    """Return colours of so many categories; shades if there are more categories than colours."""
    if count <= len(KINDS):
        return list(KINDS[:count])
    return [shade(place / (count - 1)) for place in range(count)]
