"""Pages and still images of the Pareto plot: safe, self-contained, and the same picture."""

from __future__ import annotations

from html.parser import HTMLParser

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from search.plots import pareto_chart, write_png
from search.plots import still as renderer
from search.plots.interactive import figure
from tests.search.plots.support import (
    EVIL,
    drawn,
    every_search,
    pareto_figure,
    search,
    stepped_line,
    trial,
    write_html,
)
from tests.search.support import search_info


class Page(HTMLParser):
    """Parser of a page: addresses that it loads, its title and its tags."""

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
