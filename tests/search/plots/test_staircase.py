"""The line of dense training for fewer epochs in the Pareto plot."""

from __future__ import annotations

import pytest

from search.objectives import STANDARD
from search.plots import pareto_chart
from search.plots.interactive import figure
from search.plots.staircase import SHORTER, shorter_line
from search.plots.still import write_png
from swast.config import TrainConfig
from tests.search.plots.support import search, trial
from tests.search.support import search_info

DENSE = TrainConfig().with_values(
    {"coreset.fraction": 1.0, "prune.method": "none", "preserve.weight": 0.0}
)


def trained(number, epochs, accuracy, reference="dense", **values):
    """Return a trial of dense training for some of 30 epochs."""
    config = DENSE.with_values({"epochs": epochs, **values})
    return trial(number, accuracy, epochs / 30, reference=reference, config=config)


SHORT = [trained(50, 20, 0.98), trained(51, 5, 0.96), trained(52, 10, 0.95), trained(53, 30, 0.97)]


def test_it_is_the_best_that_dense_trainings_reach_within_each_cost():
    (line,) = shorter_line([*search(), *SHORT], STANDARD)
    assert line.x == pytest.approx([each / 30 for each in (5, 10, 10, 20, 20, 30, 30)])
    assert line.y == pytest.approx([96, 96, 96, 96, 98, 98, 98])


@pytest.mark.parametrize(
    "trials",
    [
        search(),
        SHORT[:1],
        [SHORT[0], trained(1, 5, 0.96, reference=None)],
        [SHORT[0], trained(1, 5, 0.96, **{"coreset.fraction": 0.5})],
        [SHORT[0], trained(1, 5, None)],
    ],
    ids=["no configuration", "whole alone", "no reference", "a coreset", "not finished"],
)
def test_there_is_none_without_references_of_fewer_epochs(trials):
    assert shorter_line(trials, STANDARD) == []


def test_both_renderers_draw_it(tmp_path):
    chart = pareto_chart(search_info(), [*search(), *SHORT])
    assert SHORTER in {trace.name for trace in figure(chart).data}
    write_png(chart, tmp_path / "front.png")
    assert (tmp_path / "front.png").stat().st_size > 10_000
