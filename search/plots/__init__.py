"""The Pareto plot of a search."""

from __future__ import annotations

from search.plots.figure import pareto_figure, write_html
from search.plots.still import write_png

__all__ = ["pareto_figure", "write_html", "write_png"]
