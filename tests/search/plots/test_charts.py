"""Charts of a search: recorded numbers, on the axes on which they were searched."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import ClassVar

import numpy as np
import pytest

from search.plots import charts
from search.plots.axes import even_ticks
from search.plots.bill import bill_chart
from search.plots.chart import Bars, Line, Points
from search.plots.curves import curves_chart
from search.plots.document import report
from search.plots.hypervolume import hypervolume_chart
from search.plots.importance import FEWEST, importances
from search.plots.influence import importance_chart
from search.plots.interactive import figure
from search.plots.parallel import MISSING, parallel_chart
from search.plots.pareto import pareto_chart
from search.plots.scales import colouring, scales
from search.plots.slices import slices_chart
from search.plots.still import write_png
from search.plots.theme import NIGHT, SHADES
from search.trials.totals import spent
from search.trials.trial_record import finished, front_of, hypervolume_of, stopped
from search.trials.used import used_params
from tests.search.plots.support import marks
from tests.search.plotted import epochs_of, recorded
from tests.search.support import UNIT, epoch, record

INFO, TRIALS = recorded(60)
DONE, EARLY = finished(TRIALS), stopped(TRIALS)
EDGES = {
    "nothing": [],
    "one": [record(0)],
    "diverged": [record(0, math.nan), record(1, None)],
    "equal": [dataclasses.replace(DONE[0], number=number) for number in range(12)],
    "without flops": [dataclasses.replace(each, bill={}) for each in TRIALS[:4]],
}


def strokes(line):
    """Return the number of lines between the gaps of one."""
    return sum(not math.isfinite(y) for y in line.y)


class TestHypervolume:
    CHART = hypervolume_chart(INFO, TRIALS)

    def test_ends_at_the_hypervolume_and_the_flops_of_the_search(self):
        (line,) = marks(self.CHART, Line)
        assert line.y[-1] == hypervolume_of(TRIALS, INFO.study.objectives)
        assert "GFLOPs" in self.CHART.panels[0].x.title
        assert line.x[-1] * 1e9 == pytest.approx(spent(TRIALS))

    def test_never_falls_and_shows_every_trial_that_ended(self):
        (line,) = marks(self.CHART, Line)
        assert all(before <= after for before, after in itertools.pairwise(line.y))
        assert all(before <= after for before, after in itertools.pairwise(line.x))
        shown = sorted(number for mark in marks(self.CHART, Points) for number in mark.trials)
        assert shown == [each.number for each in TRIALS]


class TestImportance:
    def test_names_the_setting_that_decides(self):
        """The recorded accuracy depends on the coreset's size alone."""
        alike = [trial for trial in DONE if used_params(trial) == trial.params]
        chart = importance_chart(INFO, alike)
        by_accuracy, by_flops = marks(chart, Bars)
        names = list(chart.panels[0].y.ticks.values())
        shares = dict(zip(names, by_accuracy.lengths, strict=True))
        assert max(shares, key=shares.get) == "coreset.fraction"
        assert shares["coreset.fraction"] > 0.7
        assert sum(shares.values()) == pytest.approx(1)
        assert max(zip(by_flops.lengths, names, strict=True))[1] == "coreset.fraction"
        assert chart.note == f"fANOVA over {len(alike)} configurations"

    def test_says_that_it_takes_more_trials(self):
        chart = importance_chart(INFO, TRIALS[: FEWEST - 1])
        assert (marks(chart, Bars), str(FEWEST) in chart.empty) == ([], True)

    def test_of_a_setting_that_some_trials_lack_rests_on_the_others(self):
        rng = np.random.default_rng(0)
        shared, own = rng.random(60), rng.random(60)
        objective = np.where(np.arange(60) < 40, shared + 5 * own, shared)
        own[40:] = math.nan
        rare = np.where(np.arange(60) < FEWEST - 1, rng.random(60), math.nan)
        same = np.ones(60)
        columns = {"shared": shared, "own": own, "rare": rare, "same": same}
        found = importances(columns, {"same"}, objective)
        assert {name: each.trials for name, each in found.items()} == {
            "shared": 60,
            "own": 40,
            "same": 60,
        }
        assert found["own"].share > 0.8
        assert found["same"].share == 0

    def test_of_choices_knows_no_order(self):
        kinds = np.arange(60) % 3
        found = importances(
            {"kind": kinds, "noise": np.random.default_rng(0).random(60)}, {"kind"}, kinds == 1
        )
        assert found["kind"].share > 0.9


class TestScales:
    SCALES: ClassVar = {each.path: each for each in scales(INFO.study, TRIALS)}

    def test_are_those_of_the_settings_searched_in_their_order(self):
        assert list(self.SCALES) == [each.path for each in INFO.study.space.domains]

    def test_hold_every_trial(self):
        for scale in self.SCALES.values():
            having = [each for each in TRIALS if scale.path in used_params(each)]
            assert all(0 <= scale.share(each) <= 1 for each in having)

    def test_are_logarithmic_where_the_search_is(self):
        scale = self.SCALES["coreset.fraction"]
        assert scale.place(TRIALS[1]) == math.log10(TRIALS[1].params["coreset.fraction"])
        assert "0.1" in scale.ticks.values()

    def test_put_a_value_beside_a_log_range_below_it(self):
        scale = self.SCALES["preserve.weight"]
        (none,) = {scale.place(t) for t in TRIALS if t.params["preserve.weight"] == 0}
        least = min(scale.place(t) for t in TRIALS if t.params["preserve.weight"] > 0)
        assert none < least - 0.05
        assert scale.ticks[none] == "0"

    def test_of_choices_go_by_the_study(self):
        """Dense training, whose configuration names another scorer, chooses no samples."""
        assert list(self.SCALES["coreset.scorer"].places) == ["random", "el2n"]

    def test_colour_every_trial_that_has_the_setting(self):
        lacking = dataclasses.replace(TRIALS[5], params={})
        for scale in self.SCALES.values():
            shown = colouring(scale, [*TRIALS[:5], lacking])
            having = {each.number for each in TRIALS[:5] if scale.path in used_params(each)}
            assert set(shown.colours) == having
            assert all(0 <= place <= 1 for place in shown.ticks)
            if not scale.places:
                assert set(shown.colours.values()) <= set(SHADES)

    @pytest.mark.parametrize(("low", "high"), [(0.3, 0.9), (1, 8), (-2e-5, 3e4), (96.1, 96.2)])
    def test_ticks_are_round_and_inside(self, low, high):
        ticks = even_ticks(low, high)
        assert 2 <= len(ticks) <= 7
        assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
        assert all(float(text) == pytest.approx(tick) for tick, text in ticks.items())


class TestParallel:
    def test_has_a_line_a_trial_through_its_settings_and_what_they_gave(self):
        chart = parallel_chart(INFO, TRIALS)
        groups = {mark.name: mark for mark in marks(chart, Line) if mark.name}
        assert {name: strokes(mark) for name, mark in groups.items()} == {
            "Dominated": len(DONE) - len(front_of(DONE)),
            "Pareto front": len(front_of(DONE)) - 1,
            "Knee": 1,
        }
        assert list(groups)[-1] == "Knee", "the front is drawn over the rest"
        axes = list(chart.panels[0].x.ticks.values())
        assert axes[-2:] == ["FLOPs\n(relative)", "accuracy\n(%)"]
        assert len(axes) == len(INFO.study.space.domains) + 2

    def test_passes_below_the_axis_of_a_setting_that_a_trial_lacks(self):
        lacking = dataclasses.replace(DONE[3], params={"interval": 2})
        chart = parallel_chart(INFO, [*DONE[:3], lacking])
        heights = [y for mark in marks(chart, Line) for y in mark.y]
        used = [len(used_params(trial)) for trial in DONE[:3]]
        assert heights.count(MISSING) == 4 * len(INFO.study.space.domains) - sum(used) - 1
        (ticks,) = marks(chart, Points)
        assert "not set" in [text for text, _ in ticks.labels]


class TestSlices:
    def test_show_every_finished_trial_in_every_panel(self):
        panels = [panel for panel in slices_chart(INFO, TRIALS).panels if panel.marks]
        assert len(panels) == 2 * len(INFO.study.space.domains)
        numbers = [each.number for each in DONE]
        for panel in panels:
            assert sorted(n for mark in panel.marks for n in mark.trials) == numbers

    def test_have_accuracy_above_flops(self):
        chart = slices_chart(INFO, TRIALS)
        above, below = chart.panels[0], chart.panels[chart.columns]
        assert (above.y.title, below.y.title) == ("Accuracy (%)", "Relative FLOPs")
        assert below.x.title == "interval"
        spots = {n: y for mark in below.marks for n, y in zip(mark.trials, mark.y, strict=True)}
        assert spots == {each.number: math.log10(each.relative_flops) for each in DONE}


class TestCurves:
    CHART = curves_chart(INFO, TRIALS, epochs_of(TRIALS))

    def test_have_a_line_a_trial(self):
        groups = {mark.name: mark for mark in marks(self.CHART, Line) if mark.dash == "solid"}
        assert sum(map(strokes, groups.values())) == len(TRIALS)
        assert strokes(groups["Stopped at a rung"]) == len(EARLY)
        assert strokes(groups["Pareto front"]) == len(front_of(TRIALS))

    def test_show_what_each_rung_decided(self):
        ended = {mark.name: mark for mark in marks(self.CHART, Points)}
        assert list(ended["Stopped"].trials) == [each.number for each in EARLY]
        assert set(ended["Stopped"].x) == {1}
        assert "the best 1 of 3 continue" in ended["Stopped"].hover[0]
        assert sorted(ended["Went on"].trials) == [each.number for each in DONE]
        assert f"{len(EARLY)} stopped early · rung at epoch 1" in self.CHART.note

    def test_of_very_many_epochs_keep_the_first_and_the_last(self):
        epochs = {each.number: [epoch(n + 1, 0.5) for n in range(400)] for each in TRIALS}
        chart = curves_chart(INFO, TRIALS, epochs)
        lines = [mark for mark in marks(chart, Line) if mark.dash == "solid"]
        assert sum(len(line.x) for line in lines) < 10_200
        assert {min(line.x) for line in lines} == {1}
        assert {line.x[-2] for line in lines} == {400}
        assert chart.note.endswith("one epoch in 3")

    def test_leave_out_what_is_no_number(self):
        epochs = [epoch(1, math.nan), epoch(2, math.inf), epoch(3, 0.0)]
        chart = curves_chart(INFO, TRIALS[:1], {0: epochs})
        (line,) = [mark for mark in marks(chart, Line) if mark.dash == "solid"]
        assert line.x[:-1] == [3]


class TestBill:
    CHART = bill_chart(INFO, TRIALS)

    def test_adds_up_to_what_trials_cost(self):
        flops, shares = (list(panel.marks) for panel in self.CHART.panels)
        shown = self.CHART.panels[0].y.ticks.values()
        costs = {each.label: each.train_flops for each in TRIALS}
        total = np.sum([mark.lengths for mark in flops], axis=0) * 1e9
        assert total == pytest.approx([costs[label.split(" (knee)")[0]] for label in shown])
        assert np.sum([mark.lengths for mark in shares], axis=0) == pytest.approx(100)
        assert {mark.name for mark in flops} == {"Training", "Warm-up"}

    def test_is_that_of_the_front_and_the_references(self):
        numbers = {label.split()[0] for label in self.CHART.panels[0].y.ticks.values()}
        members = {each.number for each in TRIALS if each.reference} | {
            each.number for each in front_of(TRIALS)
        }
        assert numbers == {f"#{number}" for number in members}


class TestStoppedTrials:
    def test_are_where_their_whole_schedule_would_have_been(self):
        """They have a predicted cost and no cost: they never paid for the whole schedule."""
        (points,) = [m for m in marks(pareto_chart(INFO, TRIALS), Points) if m.symbol == "x"]
        assert dict(zip(points.trials, points.x, strict=True)) == {
            each.number: pytest.approx(each.predicted_cost / UNIT) for each in EARLY
        }

    def test_without_a_unit_are_not_placed(self):
        """A search of version 0.1 in which no trial finished has none."""
        other = dataclasses.replace(EARLY[0], unit=None)
        shown = marks(pareto_chart(INFO, [*DONE, other]), Points)
        assert not [mark for mark in shown if mark.symbol == "x"]

    def test_of_another_network_have_the_unit_of_the_study(self):
        config = EARLY[0].config.with_values({"model": "cnn-small"})
        other = dataclasses.replace(EARLY[0], config=config)
        (points,) = [m for m in marks(pareto_chart(INFO, [other]), Points) if m.symbol == "x"]
        assert points.x == [other.predicted_cost / UNIT]


def test_all_equal_wall_times_are_told_as_one():
    same = [dataclasses.replace(each, seconds=3.3) for each in DONE]
    note = pareto_chart(INFO, same).note
    assert "each took 3.3 s" in note
    assert "to 3.3" not in note


@pytest.mark.parametrize("trials", EDGES.values(), ids=EDGES.keys())
def test_every_plot_is_drawn_of_every_search(trials):
    made = charts(INFO, trials, {})
    assert len({chart.key for chart in made}) == 7
    assert report(INFO, trials, made).body.count("<tr") == len(trials) + len(front_of(trials)) + (
        bool(trials) + bool(front_of(trials))
    )
    for chart in made:
        drawn = figure(chart)
        assert chart.title.startswith("trip: ")
        if chart.empty:
            assert chart.empty in [note.text for note in drawn.layout.annotations]


@pytest.mark.parametrize("trials", [[], TRIALS], ids=["nothing", "many"])
def test_every_plot_is_a_still_image(trials, tmp_path):
    for chart in charts(INFO, trials, epochs_of(trials)):
        write_png(chart, tmp_path / f"{chart.key}.png")
        assert (tmp_path / f"{chart.key}.png").read_bytes().startswith(b"\x89PNG")


def test_both_renderers_draw_the_same_points(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    chart = hypervolume_chart(INFO, TRIALS)
    still = []
    original = Axes.scatter
    monkeypatch.setattr(
        Axes,
        "scatter",
        lambda self, x, y, **more: (
            still.extend(zip(x, y, strict=True)) or original(self, x, y, **more)
        ),
    )
    write_png(chart, tmp_path / "still.png")
    traces = [trace for trace in figure(chart).data if trace.customdata]
    page = [spot for trace in traces for spot in zip(trace.x, trace.y, strict=True)]
    assert sorted(still) == sorted(page)
    assert len(page) == len(TRIALS)


def luminance(colour):
    """Relative luminance, WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("name", ["INK", "FADED", "BLUE", "VERMILLION", "GREEN"])
def test_colours_stand_out_from_the_paper_by_day_and_by_night(name):
    from search.plots import theme

    day = getattr(theme, name)
    for colour, paper in ((day, theme.PAPER), (NIGHT[day], NIGHT[theme.PAPER])):
        bright, dim = sorted([luminance(colour), luminance(paper)], reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= (4.5 if name in {"INK", "FADED"} else 3)


class TestFurtherTrainings:
    AGAIN: ClassVar = [
        dataclasses.replace(trial, number=1000 + trial.number, repeats=trial.number)
        for trial in DONE
    ]

    @pytest.mark.parametrize("compose", [importance_chart, parallel_chart, slices_chart])
    def test_are_not_drawn_as_configurations(self, compose):
        alone, both = compose(INFO, DONE), compose(INFO, [*DONE, *self.AGAIN])
        assert both.panels == alone.panels
