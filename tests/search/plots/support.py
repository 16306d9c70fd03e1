"""Shared by the tests of the plots: searches of every kind, and the marks of a chart."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from search.objectives import STANDARD
from search.plots import pareto_chart
from search.plots.interactive import figure
from search.plots.page import write_single
from search.plots.words import point
from search.trials.trial_record import TrialRecord
from tests.search.support import search_info

EVIL = "<script>alert('x')</script> & \"y\" $z$ %{x}"
UNIT = 10**12
"""Cost of dense training in these searches."""


def trial(number, accuracy=0.9, relative=0.1, state="complete", **more):
    """Return a trial; a relative cost of None leaves its cost unknown."""
    known = {"params": {"coreset.fraction": 0.123456, "prune.method": "rigl"}, "seconds": 12.5}
    cost = None if relative is None else relative * UNIT
    return TrialRecord(
        number=number,
        state=state,
        score=accuracy,
        **known | {"cost": cost, "unit": UNIT, "epochs": 3} | more,
    )


def search(size=40, seed=0):
    """Return a plausible search with references and with stopped, failed and far-off trials."""
    rng = np.random.default_rng(seed)
    made = [trial(0, 0.957, 0.12, reference="paper"), trial(1, 0.981, 1.0, reference="dense")]
    for number in range(2, size):
        relative = float(10 ** rng.uniform(-2.2, -0.1))
        accuracy = 0.98 - 0.02 * math.log10(relative) ** 2 - float(rng.exponential(0.01))
        state = str(rng.choice(["complete"] * 6 + ["pruned", "pruned", "failed", "running"]))
        made.append(trial(number, accuracy, relative, state, seconds=float(rng.uniform(5, 90))))
    return [*made, trial(size, 0.31, 0.02), trial(size + 1, 0.999, 0.001, "pruned")]


SEARCHES = {
    "nothing": [],
    "waiting": [TrialRecord(number=8, state="waiting")],
    "running": [trial(0, state="running")],
    "stopped only": [trial(0, state="pruned"), trial(1, None, None, "pruned")],
    "diverged": [trial(0, math.nan), trial(1, None)],
    "one": [trial(0)],
    "one reference": [trial(0, reference="paper")],
    "two": [trial(0), trial(1, 0.95, 0.5)],
    "equal": [trial(number) for number in range(3)],
    "without references": [each for each in search() if not each.reference],
    "without times": [dataclasses.replace(each, seconds=None) for each in search()],
    "perfect": [trial(0, 1.0, 1e-6), trial(1, 0.0, 20.0)],
    "six references": [trial(n, n / 10, 10**-n, reference=f"paper-{n}") for n in range(6)],
    "many": search(300),
}
every_search = pytest.mark.parametrize("trials", SEARCHES.values(), ids=SEARCHES.keys())


def spot(each):
    """Return the coordinates of a trial."""
    return point(each, STANDARD)


def marks(chart, kind):
    """Return the marks of a kind in all panels of a chart."""
    return [mark for panel in chart.panels for mark in panel.marks if isinstance(mark, kind)]


def pareto_figure(trials, name):
    """Return the interactive Pareto plot of a search."""
    return figure(pareto_chart(search_info(name=name), trials))


def write_html(trials, name, path):
    """Write the page of the Pareto plot of a search."""
    info = search_info(name=name)
    write_single(info, pareto_chart(info, trials), path)


def drawn(figure):
    """Return the series of a figure: traces whose markers have hover texts."""
    return [trace for trace in figure.data if trace.hovertext]


def stepped_line(figure):
    """Return the corners of the front's line in a figure."""
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    return [corner for trace in lines for corner in zip(trace.x, trace.y, strict=True)]
