"""Pareto plot: series, stepped line, labels, hover texts, legend and frame."""

from __future__ import annotations

import collections
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.objectives import STANDARD
from search.plots import pareto
from search.plots.axes import PLACES, place_labels
from search.plots.pareto import EMPTY
from search.plots.words import hover
from search.trials.trial_record import finished, front_of, knee_of
from tests.search.plots.support import (
    EVIL,
    drawn,
    every_search,
    pareto_figure,
    search,
    spot,
    stepped_line,
    trial,
)
from tests.search.support import search_info

INFO = search_info()


def compose(trials):
    return pareto.compose(trials, STANDARD)


class TestEveryTrialIsDrawnOnce:
    @staticmethod
    def assert_once(trials):
        figure = pareto_figure(trials, "t")
        told = collections.Counter(
            (text.split("</b>")[0].removeprefix("<b>t "), x, y)
            for trace in drawn(figure)
            for text, x, y in zip(trace.hovertext, trace.x, trace.y, strict=True)
        )
        assert told == {
            (each.label, each.relative_flops, each.accuracy * 100): 1
            for each in trials
            if each.state in {"complete", "pruned"} and math.isfinite(spot(each)[1])
        }

    @every_search
    def test_finished_and_stopped_ones(self, trials):
        self.assert_once(trials)

    @settings(max_examples=25)
    @given(st.data())
    def test_whatever_their_state(self, data):
        states = st.sampled_from(["complete", "complete", "pruned", "failed", "running"])
        names = st.sampled_from([None, None, "paper", "dense"])
        levels = st.integers(0, 4)
        trials = [
            trial(n, data.draw(levels) / 4, 10.0 ** -data.draw(levels), s, reference=r)
            for n, (s, r) in enumerate(data.draw(st.lists(st.tuples(states, names), max_size=12)))
        ]
        self.assert_once(trials)

    def test_each_in_the_series_of_its_kind(self):
        trials = search()
        series = {each.name: {t.number for t in each.trials} for each in compose(trials).series}
        front = {each.number for each in front_of(trials) if not each.reference}
        assert series["Pareto front"] | series["Knee"] == front
        assert series["Knee"] == {knee_of(trials).number}
        assert (series["paper"], series["dense"]) == ({0}, {1})
        assert series["Stopped early"] == {t.number for t in trials if t.state == "pruned"}
        assert series["Dominated"] == {t.number for t in finished(trials)} - front - {0, 1}

    def test_stopped_ones_are_faint_and_references_distinct(self):
        looks = {each.name: each for each in compose(search()).series}
        assert looks["Stopped early"].opacity < looks["Dominated"].opacity
        for one, other in itertools.combinations(["paper", "dense", "Knee", "Pareto front"], 2):
            assert looks[one].colour != looks[other].colour
        assert len({looks[name].symbol for name in ("paper", "dense", "Knee")}) == 3


class TestSteppedLine:
    @every_search
    def test_goes_through_the_points_of_the_front_only(self, trials):
        corners = stepped_line(pareto_figure(trials, "t"))
        shown = [each for each in trials if math.isfinite(spot(each)[1])]
        front = [(each.relative_flops, each.accuracy * 100) for each in front_of(shown)]
        assert len(corners) == max(2 * len(front) - 1, 0)
        assert corners[::2] == [pytest.approx(each) for each in front]

    @every_search
    def test_goes_across_and_then_up(self, trials):
        corners = compose(trials).line
        for turn, (before, after) in enumerate(itertools.pairwise(corners)):
            level = 1 - turn % 2
            assert after[level] == before[level]
            assert after[1 - level] >= before[1 - level]

    def test_leaves_out_a_stopped_trial_with_a_better_partial_accuracy(self):
        trials = [trial(0, 0.9, 0.1), trial(1, 0.99, 0.01, "pruned"), trial(2, 0.95, 0.5)]
        assert stepped_line(pareto_figure(trials, "t"))[0] == pytest.approx((0.1, 90))


class TestHover:
    def test_tells_results_and_every_setting(self):
        text = hover(INFO, trial(7, 0.93456, cost=3.21e12, unit=1e14, reference="paper"))
        assert text.startswith("<b>trip #7 paper</b><br>")
        for each in ("93.46 %", "0.0321", "3.21e+12", "12.5"):
            assert each in text
        assert "coreset.fraction = 0.1235<br>prune.method = rigl" in text
        assert "stopped" not in text

    def test_tells_why_a_trial_was_stopped(self):
        assert "stopped: rung 2" in hover(INFO, trial(1, state="pruned", reason="rung 2"))
        assert "stopped: epoch 3" in hover(INFO, trial(1, state="pruned"))

    def test_leaves_out_what_is_unknown(self):
        text = hover(INFO, trial(1, seconds=None, cost=None))
        assert "None" not in text
        assert "seconds" not in text

    def test_is_escaped(self):
        text = hover(
            INFO, trial(1, params={EVIL: EVIL}, reference=EVIL, state="pruned", reason=EVIL)
        )
        assert "<script" not in text
        assert text.count("&lt;script&gt;") == 4


class TestLabelsAndLegend:
    def test_knee_and_references_are_labelled(self):
        trials = search()
        texts = {number: text for number, (text, _) in compose(trials).labels.items()}
        knee = knee_of(trials).number
        assert texts == {0: "paper", 1: "dense", knee: f"#{knee} (knee)"}

    @every_search
    def test_the_knee_is_one_trial(self, trials):
        picture = compose(trials)
        named = {number for number, (text, _) in picture.labels.items() if "(knee)" in text}
        marked = {t.number for each in picture.series if each.name == "Knee" for t in each.trials}
        references = {each.number for each in trials if each.reference}
        assert len(named) == bool(picture.labels)
        assert marked == named - references

    def test_a_reference_can_be_the_knee(self):
        picture = compose([trial(0, reference="paper")])
        assert [text for text, _ in picture.labels.values()] == ["paper (knee)"]

    def test_labels_keep_apart(self):
        at = {number: np.array([0.5, 0.5]) for number in range(4)}
        names = dict.fromkeys(range(4), "paper")
        labels = place_labels(names, at, dict.fromkeys(range(4), 14.0), np.empty((0, 2)))
        assert len({place for _, place in labels.values()}) == 4

    @pytest.mark.parametrize("corner", list(itertools.product([0.02, 0.98], repeat=2)))
    def test_labels_keep_inside(self, corner):
        labels = place_labels({0: "paper"}, {0: np.array(corner)}, {0: 14.0}, np.empty((0, 2)))
        row, column = labels[0][1].split()
        assert row == ("top" if corner[1] < 0.5 else "bottom")
        assert column == ("right" if corner[0] < 0.5 else "left")

    def test_labels_avoid_points(self):
        at = {0: np.array([0.5, 0.5]), 1: np.array([0.46, 0.56]), 2: np.array([0.54, 0.56])}
        labels = place_labels({0: "paper"}, at, dict.fromkeys(at, 10.0), np.empty((0, 2)))
        assert labels[0][1] in PLACES
        assert not labels[0][1].startswith("top")

    def test_every_series_is_once_in_the_legend(self):
        figure = pareto_figure(search(), "t")
        named = sorted(
            (trace.legendrank or 1000, trace.name)
            for trace in figure.data
            if trace.showlegend is not False
        )
        assert [name for _, name in named] == [
            "Pareto front",
            "Knee",
            "paper",
            "dense",
            "Dominated",
            "Stopped early",
        ]


class TestFrame:
    def test_an_outlier_does_not_squash_the_others(self):
        picture = compose(search())
        assert 80 < picture.frame.y[0] < 97
        assert picture.frame.y[1] > 98.1
        below = sum(spot(each)[1] < picture.frame.y[0] for each in finished(search()))
        assert picture.hidden >= below >= 1
        assert f"{picture.hidden} below {picture.frame.y[0]:.1f} % not shown" in picture.note

    def test_note_counts_trials(self):
        trials = [trial(0), trial(1, state="pruned"), trial(2, state="failed", rejected=True)]
        assert compose(trials).note.startswith("1 of 2 trials finished")
        assert compose(trials).hidden == 0

    def test_the_note_of_the_page_says_how_to_see_the_rest(self):
        assert "double-click" in pareto_figure(search(), "t").layout.title.subtitle.text
        assert "double-click" not in pareto_figure([trial(0)], "t").layout.title.subtitle.text

    def test_areas_are_in_proportion_to_wall_time(self):
        times = [10, 20, 30, 40, 5000, 0.001]
        trials = [trial(number, seconds=seconds) for number, seconds in enumerate(times)]
        sizes = compose(trials).sizes
        assert sizes[3] ** 2 / sizes[1] ** 2 == pytest.approx(2)
        assert sizes[5] == sizes[0] < sizes[1] < sizes[4] < 4 * sizes[5]


@every_search
def test_a_figure_says_so_when_no_trial_has_finished(trials):
    figure = pareto_figure(trials, "digits")
    any_shown = any(math.isfinite(spot(each)[1]) for each in finished(trials))
    assert bool(figure.layout.annotations) is not any_shown
    if not any_shown:
        assert figure.layout.annotations[0].text == EMPTY
