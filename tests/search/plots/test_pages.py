"""Page of the Pareto plot and report in a real browser: contents, sorting and copying."""

from __future__ import annotations

import dataclasses
import json
import re
import time

import pytest

from search.plots import pareto_chart, report_of
from search.plots.page import in_script, write_single
from search.plots.theme import FADED, KINDS, NIGHT, PAPER
from search.study.study_file import parse_study
from search.trials.trial_record import front_of
from swast.config import TrainConfig, parse_toml
from tests.browser import visiting
from tests.search.plotted import HALVED, epochs_of, recorded
from tests.search.support import search_info

INFO, TRIALS = recorded(40, experiment_id="7")
HTML = "text/html; charset=utf-8"
POINTS = ".scatterlayer .points path"
NASTY = [
    "<script>alert('run')</script>",
    "</script><img src=x onerror=alert('run')>",
    "\"'><svg onload=alert('run')>",
    "../../etc/passwd",
    "\u2028\u2029\x00 %{x} $z$ {title}",
    "名前 ünï " * 40,
]


class Epochs:
    """Stand-in for the epoch log of recorded trials."""

    def __init__(self, trials):
        self._epochs = epochs_of(trials)

    def read(self, number):
        return self._epochs.get(number, [])


def in_colour(element):
    """Return the fill colour of a marker."""
    found = re.search(r"fill: rgb\((\d+), (\d+), (\d+)\)", element.get_attribute("style"))
    return "#{:02X}{:02X}{:02X}".format(*map(int, found.groups()))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return a folder with the Pareto plot's page and the report of one search."""
    folder = tmp_path_factory.mktemp("pages")
    write_single(INFO, pareto_chart(INFO, TRIALS), folder / "pareto.html")
    report_of(INFO, TRIALS, Epochs(TRIALS)).write(folder / "report.html")
    return folder


class TestParetoPage:
    @pytest.fixture
    def page(self, visit, pages):
        visit.page.goto(f"file://{pages}/pareto.html")
        visit.page.locator(POINTS).first.wait_for()
        return visit.page

    def spot(self, page, number):
        """Return the position of a trial on the page."""
        return page.evaluate(
            """number => {
                const canvas = document.querySelector(".canvas"), full = canvas._fullLayout;
                const trace = canvas.data.find(each => each.customdata?.includes(number));
                const at = trace.customdata.indexOf(number), box = canvas.getBoundingClientRect();
                return [box.x + full.xaxis._offset + full.xaxis.d2p(trace.x[at]),
                        box.y + full.yaxis._offset + full.yaxis.d2p(trace.y[at])];
            }""",
            number,
        )

    def test_draws_every_trial(self, page):
        assert page.locator(POINTS).count() == len(TRIALS)

    def test_tells_the_run_and_its_configuration_under_the_pointer(self, page):
        member = front_of(TRIALS)[0]
        page.mouse.move(*self.spot(page, member.number))
        page.locator(".hoverlayer .hovertext").wait_for()
        said = page.locator(".hoverlayer").text_content()
        assert INFO.run_name(member.label) in said
        for name, value in member.params.items():
            assert f"{name} = {value:.4g}" if isinstance(value, float) else f"{value}" in said

    def test_pins_a_trial_that_is_clicked_with_the_way_to_its_run(self, page):
        member = front_of(TRIALS)[0]
        page.mouse.click(*self.spot(page, member.number))
        details = page.locator(".details")
        details.wait_for()
        assert INFO.run_name(member.label) in details.text_content()
        assert f"run is {member.run_id}; swast-search ui trip" in details.text_content()

    def test_colours_by_a_setting(self, page):
        def colours():
            found = page.locator(POINTS).element_handles()
            return [in_colour(each) for each in found]

        by_role = colours()
        page.select_option("select", label="coreset.scorer")
        page.locator(".colorbar, .cbbg").first.wait_for()
        by_choice = colours()
        assert set(by_choice) == {*KINDS[:2], FADED}, "dense training chooses no samples"
        assert "el2n" in page.locator(".infolayer").text_content()
        page.select_option("select", label="coreset.fraction")
        by_number = colours()
        assert len(set(by_number)) > 10
        page.select_option("select", label="role")
        assert colours() == by_role

    def test_follows_the_scheme_of_the_reader(self, page):
        from playwright.sync_api import expect

        paper = expect(page.locator(".main-svg").first)
        night = tuple(int(NIGHT[PAPER][place : place + 2], 16) for place in (1, 3, 5))
        paper.to_have_css("background-color", "rgb(255, 255, 255)")
        page.emulate_media(color_scheme="dark")
        paper.to_have_css("background-color", f"rgb{night}")
        page.emulate_media(color_scheme="light")
        paper.to_have_css("background-color", "rgb(255, 255, 255)")

    def test_leads_to_a_server_that_the_search_logged_to(self, visit, tmp_path):
        uri = "http://127.0.0.1:5999"
        write_single(INFO, pareto_chart(INFO, TRIALS), tmp_path / "p.html", uri)
        visit.page.goto(f"file://{tmp_path}/p.html")
        visit.page.locator(POINTS).first.wait_for()
        member = front_of(TRIALS)[0]
        visit.page.mouse.click(*self.spot(visit.page, member.number))
        link = visit.page.locator(".details a").get_attribute("href")
        assert link.startswith(f"{uri}/#/experiments/7/runs/{member.run_id}?")

    def test_tells_where_the_run_is_in_a_viewer_that_lets_no_link_through(self, visit, pages):
        """MLflow shows artifacts in an iframe that allows scripts and nothing else."""
        outer = "http://127.0.0.1:5999"
        text = json.dumps((pages / "pareto.html").read_text()).replace("<", "\\u003c")
        viewer = f"""<iframe sandbox="allow-scripts" width="1200" height="700"></iframe><script>
            document.querySelector("iframe").src = URL.createObjectURL(
                new Blob([{text}], {{ type: "text/html" }}))</script>"""
        visit.page.route(f"{outer}/", lambda route: route.fulfill(body=viewer, content_type=HTML))
        visit.page.goto(f"{outer}/")
        frame = visit.page.frame_locator("iframe")
        marker = frame.locator(POINTS).first
        marker.wait_for()
        box = marker.bounding_box()
        visit.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        address = frame.locator(".details input").input_value()
        assert address.startswith(f"{outer}/#/experiments/7/runs/")
        assert frame.locator(".details a").count() == 0

    def test_keeps_a_password_to_itself(self, tmp_path):
        chart = pareto_chart(INFO, TRIALS)
        write_single(INFO, chart, tmp_path / "p.html", "https://me:s3cret@mlflow.test")
        assert "s3cret" not in (tmp_path / "p.html").read_text()


class TestReport:
    @pytest.fixture
    def page(self, visit, pages):
        visit.page.goto(f"file://{pages}/report.html")
        return visit.page

    def column(self, page, head):
        """Return the texts of a column of all trials, and the button that sorts by it."""
        table = page.locator("table").nth(1)
        heads = table.locator("th").all_text_contents()
        cells = table.locator(f"tbody td:nth-child({heads.index(head) + 1})").all_text_contents()
        return cells, table.locator("th button").get_by_text(head, exact=True)

    def test_says_what_the_search_was_and_found(self, page):
        facts = page.locator("dl").inner_text()
        for text in ("tiny", "40 of 40", "tpe, seed 0", "Hypervolume", "2026-11-21 00:39"):
            assert text in facts
        members = page.locator("table").first.locator("tbody tr").count()
        assert members == len(front_of(TRIALS))

    def test_sorts_by_number_and_back(self, page):
        _, button = self.column(page, "training FLOPs")
        button.click()
        cells, _ = self.column(page, "training FLOPs")
        costs = [float(cell) for cell in cells if cell]
        assert len(set(costs)) > 10
        assert costs == sorted(costs)
        assert cells[len(costs) :] == [""] * (len(cells) - len(costs)), "unknown ones are last"
        assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
        button.press("Enter")
        cells, _ = self.column(page, "training FLOPs")
        assert [float(cell) for cell in cells if cell] == sorted(costs, reverse=True)
        assert cells[len(costs) :] == [""] * (len(cells) - len(costs))
        assert page.locator("th[aria-sort]").count() == 1

    def test_copies_a_configuration_that_trains(self, page):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.evaluate("document.body.append(document.createElement('textarea'))")
        for number in (5, 6):
            page.locator(f"button[data-trial='{number}']").last.click()
            page.get_by_text("Copied").last.wait_for()
            page.locator("textarea").fill("")
            page.locator("textarea").press("Control+v")
            copied = page.locator("textarea").input_value()
            assert TrainConfig.from_dict(parse_toml(copied)) == TRIALS[number].config
            # The second time without the newer clipboard interface, as on an insecure page.
            page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    def test_draws_plots_as_they_are_scrolled_to_and_prints_all_by_day(self, browser, pages):
        with visiting(browser, "dark") as visit:
            visit.page.goto(f"file://{pages}/report.html")
            figures = visit.page.locator("figure")
            figures.first.locator(".main-svg").first.wait_for()
            assert figures.last.locator(".main-svg").count() == 0
            figures.last.scroll_into_view_if_needed()
            figures.last.locator(".main-svg").first.wait_for()
            visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
            papers = visit.page.locator(".canvas .main-svg:first-child").evaluate_all(
                "all => all.map(each => each.style.background)"
            )
            assert papers == ["rgb(255, 255, 255)"] * 7


class TestNastyNames:
    @staticmethod
    def nasty(text):
        """Return a search in which every possible name is a nasty one."""
        keys = [json.dumps(each.replace("\x00", "")) for each in NASTY]
        source = HALVED.replace('"A few trials of a tenth of a second"', keys[0])
        source = source.replace("[references.small]", f"[references.{keys[1]}]")
        study = parse_study(NASTY[1], source)
        info = dataclasses.replace(search_info(HALVED), study=study, name=text, sampler=text)
        params = dict(zip(NASTY, NASTY, strict=True))
        trials = [
            dataclasses.replace(each, reference=name, run_id=name, params=each.params | params)
            for each, name in zip(TRIALS, NASTY, strict=False)
        ]
        early = {"state": "pruned", "stopped_at": 1, "reason": " ".join(NASTY)}
        return info, [*trials, dataclasses.replace(trials[0], number=6, reference=None, **early)]

    def test_are_shown_and_run_nothing(self, visit, tmp_path):
        info, trials = self.nasty(NASTY[1])
        report_of(info, trials, Epochs(trials)).write(tmp_path / "report.html")
        page = visit.page
        page.goto(f"file://{tmp_path}/report.html")
        page.locator(POINTS).first.wait_for()
        page.evaluate(
            """() => {
                boxes.forEach(draw);
                for (const box of boxes) {
                    const trace = box.querySelector(".canvas").data
                        .find(each => each.hovertext && each.customdata);
                    trace?.customdata.forEach((trial, at) => pin(box, page.plots[box.dataset.plot],
                        { hovertext: trace.hovertext[at], customdata: trial }));
                }
            }"""
        )
        assert page.locator("h1").text_content() == NASTY[1]
        assert "alert(" in page.locator(".details:visible").first.text_content()
        assert page.locator("img, svg[onload], main script").count() == 0

    @pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
    def test_do_not_end_the_script_that_they_stand_in(self, text):
        written = in_script({text: [text]})
        assert "<" not in written
        assert "\u2028" not in written
        assert json.loads(written) == {text: [text]}


def test_a_report_of_five_hundred_trials_is_small_and_opens_soon(visit, tmp_path):
    info, trials = recorded(500)
    report_of(info, trials, Epochs(trials)).write(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 10_000_000
    began = time.monotonic()
    visit.page.goto(f"file://{tmp_path}/report.html")
    visit.page.locator(POINTS).first.wait_for()
    assert time.monotonic() - began < 20
    assert visit.page.locator("table").nth(1).locator("tbody tr").count() == 500
