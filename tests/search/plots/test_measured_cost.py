"""Charts of a search whose cost is only measured, on a linear axis: training time in seconds."""

from __future__ import annotations

import dataclasses

import pytest

from search.plots import charts
from search.plots.chart import Bars, Line, Points
from search.plots.document import facts, report
from search.plots.influence import importance_chart
from search.plots.interactive import figure
from search.plots.parallel import parallel_chart
from search.plots.pareto import pareto_chart
from search.plots.slices import slices_chart
from search.plots.still import write_png
from search.plots.words import brief, hover
from search.trials.trial_record import finished, front_of, knee_of
from tests.search.measured import OBJECTIVES
from tests.search.plots.support import marks
from tests.search.plotted import epochs_of, recorded


def timed(count):
    """Return a search and its trials; time depends on the interval, and is 0 for the first."""
    info, trials = recorded(count, unit=1.0)
    info = dataclasses.replace(info, study=dataclasses.replace(info.study, objectives=OBJECTIVES))
    made = []
    for each in trials:
        cost = 0.0 if each.number == 0 else each.params["interval"] + 0.01 * each.number
        is_done = each.state == "complete"
        made.append(
            dataclasses.replace(
                each, cost=cost if is_done else None, unit=1.0, predicted_cost=None
            )
        )
    return info, made


INFO, TRIALS = timed(60)
DONE = finished(TRIALS)
COSTS = {each.number: each.cost for each in DONE}


def test_the_pareto_plot_has_a_linear_axis_from_zero():
    chart = pareto_chart(INFO, TRIALS)
    (panel,) = chart.panels
    assert chart.title == "trip: accuracy against training time"
    assert (panel.x.title, panel.x.log) == ("Training time (s)", False)
    assert panel.x.bounds[0] < 0 < max(COSTS.values()) < panel.x.bounds[1] < 8
    assert {"0", "2", "4"} <= set(panel.x.ticks.values())
    shown = {
        n: x for mark in marks(chart, Points) for n, x in zip(mark.trials, mark.x, strict=True)
    }
    assert shown == COSTS
    (line,) = marks(chart, Line)
    assert line.x[0] == 0.0
    assert line.x[::2] == [each.cost for each in front_of(TRIALS, OBJECTIVES)]


def test_slices_have_time_below_accuracy():
    chart = slices_chart(INFO, TRIALS)
    below = chart.panels[chart.columns]
    assert below.y.title == "Time (s)"
    assert below.y.bounds[0] < 0 < max(COSTS.values()) < below.y.bounds[1] < 8
    shown = {n: y for mark in below.marks for n, y in zip(mark.trials, mark.y, strict=True)}
    assert shown == COSTS


def test_parallel_coordinates_have_an_axis_of_time():
    chart = parallel_chart(INFO, TRIALS)
    axes = list(chart.panels[0].x.ticks.values())
    assert axes[-2:] == ["time\n(s)", "accuracy\n(%)"]
    most = max(COSTS.values())
    place, step = float(len(axes) - 2), len(axes) + 1
    heights = [
        y for line in marks(chart, Line) if line.name for y in line.y[len(axes) - 2 :: step]
    ]
    assert sorted(heights) == pytest.approx(sorted(cost / most for cost in COSTS.values()))
    (labels,) = marks(chart, Points)
    texts = [text for x, (text, _) in zip(labels.x, labels.labels, strict=True) if int(x) == place]
    assert texts == ["0", "2", "4"]


def test_importance_is_that_of_the_time_and_not_of_its_logarithm():
    chart = importance_chart(INFO, TRIALS)
    _, by_time = chart.panels
    assert by_time.title == "time"
    names = list(by_time.y.ticks.values())
    (bars,) = [mark for mark in by_time.marks if isinstance(mark, Bars)]
    assert max(zip(bars.lengths, names, strict=True))[1] == "interval"


def test_texts_have_the_cost_in_its_unit_and_nothing_relative():
    member = knee_of(TRIALS, OBJECTIVES)
    told = facts(INFO, TRIALS)
    assert told["Knee"].endswith(f"{member.cost:.1f} s")
    assert "Unit of cost" not in told
    assert f"time: {member.cost:.4g} s" in brief(INFO, member, "interval")
    assert f"training time: {member.cost:.4g}" in hover(INFO, member)
    body = report(INFO, TRIALS, charts(INFO, TRIALS, {})).body
    assert "training time</button>" in body
    assert "dense</button>" not in body
    texts = [body, *(hover(INFO, each) for each in TRIALS)]
    assert not any("relative" in text for text in texts)


@pytest.mark.parametrize("trials", [[], TRIALS[:1], TRIALS], ids=["nothing", "one", "many"])
def test_every_plot_is_drawn(trials, tmp_path):
    for chart in charts(INFO, trials, epochs_of(trials)):
        figure(chart)
        write_png(chart, tmp_path / f"{chart.key}.png")
