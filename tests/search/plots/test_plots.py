"""The plots: what is drawn is what was trained, once, and nothing in a record can break out."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import math
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from search.plots import pareto_chart, write_png
from search.plots import still as renderer
from search.plots.axes import PLACES, log_ticks, place_labels, x_bounds, y_bounds
from search.plots.interactive import figure
from search.plots.page import write_single
from search.plots.pareto import EMPTY, compose
from search.plots.words import hover, point
from search.trials.trial_record import TrialRecord, finished, front_of, knee_of
from tests.search.support import search_info

INFO = search_info()
EVIL = "<script>alert('x')</script> & \"y\" $z$ %{x}"


def trial(number, accuracy=0.9, flops=0.1, state="complete", **more):
    known = {"params": {"coreset.fraction": 0.123456, "prune.method": "rigl"}, "seconds": 12.5}
    return TrialRecord(
        number=number,
        state=state,
        accuracy=accuracy,
        relative_flops=flops,
        **known | {"train_flops": round((flops or 0) * 1e12), "epochs": 3} | more,
    )


def search(size=40, seed=0):
    """A plausible search: two references, some trials stopped, failed, running or far off."""
    rng = np.random.default_rng(seed)
    made = [trial(0, 0.957, 0.12, reference="paper"), trial(1, 0.981, 1.0, reference="dense")]
    for number in range(2, size):
        flops = float(10 ** rng.uniform(-2.2, -0.1))
        accuracy = 0.98 - 0.02 * math.log10(flops) ** 2 - float(rng.exponential(0.01))
        state = str(rng.choice(["complete"] * 6 + ["pruned", "pruned", "failed", "running"]))
        made.append(trial(number, accuracy, flops, state, seconds=float(rng.uniform(5, 90))))
    return [*made, trial(size, 0.31, 0.02), trial(size + 1, 0.999, 0.001, "pruned")]


WAITING = TrialRecord(number=8, state="waiting")
SEARCHES = {
    "nothing": [],
    "waiting": [WAITING],
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
_NOTHING = SimpleNamespace(x=[], y=[])
every_search = pytest.mark.parametrize("trials", SEARCHES.values(), ids=SEARCHES.keys())


def pareto_figure(trials, name):
    return figure(pareto_chart(search_info(name=name), trials))


def write_html(trials, name, path):
    info = search_info(name=name)
    write_single(info, pareto_chart(info, trials), path)


def drawn(figure):
    """The series of a figure: traces whose markers speak."""
    return [trace for trace in figure.data if trace.hovertext]


def stepped_line(figure):
    (trace,) = [trace for trace in figure.data if trace.mode == "lines"] or [_NOTHING]
    return list(zip(trace.x, trace.y, strict=True))


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
            if each.state in {"complete", "pruned"} and math.isfinite(point(each)[1])
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
        shown = [each for each in trials if math.isfinite(point(each)[1])]
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
        text = hover(
            INFO, trial(7, 0.93456, 0.0321, train_flops=3_210_000_000_000, reference="paper")
        )
        assert text.startswith("<b>trip #7 paper</b><br>")
        for each in ("93.46 %", "0.0321", "3.21e+12", "12.5"):
            assert each in text
        assert "coreset.fraction = 0.1235<br>prune.method = rigl" in text
        assert "stopped" not in text

    def test_tells_why_a_trial_was_stopped(self):
        assert "stopped: rung 2" in hover(INFO, trial(1, state="pruned", reason="rung 2"))
        assert "stopped: epoch 3" in hover(INFO, trial(1, state="pruned"))

    def test_leaves_out_what_is_unknown(self):
        text = hover(INFO, trial(1, seconds=None, train_flops=None))
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


class TestAxes:
    def test_an_outlier_does_not_squash_the_others(self):
        picture = compose(search())
        assert 80 < picture.frame.y[0] < 97
        assert picture.frame.y[1] > 98.1
        below = sum(point(each)[1] < picture.frame.y[0] for each in finished(search()))
        assert picture.hidden >= below >= 1
        assert f"{picture.hidden} below {picture.frame.y[0]:.1f} % not shown" in picture.note

    def test_note_counts_trials(self):
        trials = [trial(0), trial(1, state="pruned"), trial(2, state="failed", rejected=True)]
        assert compose(trials).note.startswith("1 of 2 trials finished")
        assert compose(trials).hidden == 0

    def test_the_note_of_the_page_says_how_to_see_the_rest(self):
        assert "double-click" in pareto_figure(search(), "t").layout.title.subtitle.text
        assert "double-click" not in pareto_figure([trial(0)], "t").layout.title.subtitle.text

    @given(
        st.lists(st.floats(0, 100), max_size=40),
        st.integers(0, 3),
    )
    def test_y_keeps_what_it_must_and_most_of_the_rest(self, values, number):
        kept = values[:number]
        low, high = y_bounds(values, kept)
        assert low < high
        assert all(low < value < high for value in [*kept, *([max(values)] if values else [])])
        assert sum(value > low for value in values) >= 0.75 * len(values) - 1

    def test_y_is_close_to_a_cluster(self):
        low, high = y_bounds([96, 96.5, 97, 97.2, 98, 30], [])
        assert 95 < low < 96
        assert 98 < high < 99

    def test_y_keeps_a_reference_that_is_far_below(self):
        assert y_bounds([96, 96.5, 97, 97.2, 98, 30], [30])[0] < 30

    @given(st.lists(st.floats(-6, 1), max_size=20))
    def test_x_holds_all_with_a_margin_and_has_two_ticks_at_least(self, values):
        bounds = x_bounds(values)
        assert all(bounds[0] < value < bounds[1] for value in values)
        ticks = log_ticks(bounds)
        assert len(ticks) >= 2
        assert all(bounds[0] <= math.log10(tick) <= bounds[1] for tick in ticks)
        assert all(float(text) == pytest.approx(tick) for tick, text in ticks.items())
        assert not any("e" in text or text.endswith(".") for text in ticks.values())

    def test_log_ticks_are_readable(self):
        assert list(log_ticks((-2.1, 0.1)).values()) == ["0.01", "0.03", "0.1", "0.3", "1"]
        assert list(log_ticks((-5.2, 0.2)).values())[:2] == ["0.00001", "0.0001"]

    def test_areas_are_in_proportion_to_wall_time(self):
        times = [10, 20, 30, 40, 5000, 0.001]
        trials = [trial(number, seconds=seconds) for number, seconds in enumerate(times)]
        sizes = compose(trials).sizes
        assert sizes[3] ** 2 / sizes[1] ** 2 == pytest.approx(2)
        assert sizes[5] == sizes[0] < sizes[1] < sizes[4] < 4 * sizes[5]


class Page(HTMLParser):
    """What a page loads, and its title."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.title, self.tags = [], "", set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href", "srcset"}]

    def handle_data(self, data):
        if self.lasttag == "title":
            self.title += data.strip()


class TestHtml:
    def test_needs_no_network(self, tmp_path):
        write_html(search(), "digits", tmp_path / "front.html")
        text = (tmp_path / "front.html").read_text(encoding="utf-8")
        page = Page(text)
        assert page.loads == []
        assert "iframe" not in page.tags
        assert page.title == "digits: accuracy against training FLOPs"
        assert "Plotly.react" in text
        assert len(text) > 1_000_000

    def test_escapes_what_records_and_titles_hold(self, tmp_path):
        trials = [trial(0, params={"x": EVIL}, reference=EVIL), trial(1, 0.95, 0.5)]
        figure = pareto_figure(trials, EVIL)
        write_html(trials, EVIL, tmp_path / "front.html")
        text = (tmp_path / "front.html").read_text(encoding="utf-8")
        assert "<script>alert" not in text
        assert Page(text).title.startswith(EVIL)
        shown = [figure.layout.title.text, *(trace.name or "" for trace in figure.data)]
        shown += [text for trace in drawn(figure) for text in trace.text]
        assert not any("<script" in each for each in shown)

    def test_takes_the_place_of_the_page_before(self, tmp_path):
        path = tmp_path / "plots" / "front.html"
        for title in ("first", "second"):
            write_html([], title, path)
        assert Page(path.read_text(encoding="utf-8")).title.startswith("second: ")
        assert [each.name for each in path.parent.iterdir()] == ["front.html"]

    def test_is_the_same_for_the_same_search(self, tmp_path):
        for name in ("one.html", "other.html"):
            write_html(search(), "t", tmp_path / name)
        assert (tmp_path / "one.html").read_bytes() == (tmp_path / "other.html").read_bytes()


class TestPng:
    @every_search
    def test_is_an_image_of_every_search(self, trials, tmp_path):
        path = tmp_path / "front.png"
        write_png(pareto_chart(search_info(name="digits"), trials), path)
        image = matplotlib.image.imread(path)
        assert image.shape[:2] == (750, 1200)
        assert 0.5 < image[..., :3].mean() < 0.995
        assert image[..., :3].min() < 0.2
        assert [each.name for each in tmp_path.iterdir()] == ["front.png"]

    def test_shows_names_with_dollars_as_they_are(self, tmp_path):
        trials = [trial(0, reference=r"$\frac{"), trial(1, 0.95, 0.5, reference="a$b$c")]
        trials += [trial(2, 0.96, 0.6, reference="名前 \x00\u2028 <b>" + "x" * 300)]
        info = search_info(name=r"$\undefined$ " * 30)
        write_png(pareto_chart(info, trials), tmp_path / "front.png")
        assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")

    def test_shows_what_the_page_shows(self, tmp_path, monkeypatch):
        made = []

        class Kept(Figure):
            def __init__(self, *args, **more):
                super().__init__(*args, **more)
                made.append(self)

        monkeypatch.setattr(renderer, "Figure", Kept)
        trials = search()
        chart = pareto_chart(search_info(), trials)
        write_png(chart, tmp_path / "front.png")
        (axes,) = made[0].axes
        page = figure(chart)
        still = sorted(tuple(spot) for each in axes.collections for spot in each.get_offsets())
        assert still == sorted(
            spot for trace in drawn(page) for spot in zip(trace.x, trace.y, strict=True)
        )
        assert axes.get_lines()[0].get_xydata().tolist() == [
            list(corner) for corner in stepped_line(page)
        ]
        assert np.log10(axes.get_xlim()) == pytest.approx(page.layout.xaxis.range)
        assert axes.get_ylim() == pytest.approx(page.layout.yaxis.range)
        assert axes.get_xticks() == pytest.approx(page.layout.xaxis.tickvals)
        labels = {text for trace in drawn(page) for text in trace.text if text}
        assert labels <= {text.get_text() for text in axes.texts}
        page_legend = {trace.name for trace in page.data if trace.showlegend is not False}
        assert {text.get_text() for text in made[0].legends[0].get_texts()} == page_legend


@every_search
def test_a_figure_says_so_when_no_trial_has_finished(trials):
    figure = pareto_figure(trials, "digits")
    any_shown = any(math.isfinite(point(each)[1]) for each in finished(trials))
    assert bool(figure.layout.annotations) is not any_shown
    if not any_shown:
        assert figure.layout.annotations[0].text == EMPTY
