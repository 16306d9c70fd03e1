"""Searches as they are browsed: what `swast-search ui` serves, seen in a real browser.

No trial was trained: they are told to the storage and from there to MLflow, which is what costs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from search import cli
from search.trials.repository import SearchTrials
from search.trials.trial_record import front_of
from tests.e2e.support import Place, ended, until
from tests.search.invented import hasty, publish, record_search
from tests.search.support import BARE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]

MANY, LOADED = int(os.environ.get("SWAST_MANY_TRIALS", "120")), 100
"""Trials of a search (500 is what docs/browse.md speaks of; recording them takes minutes), and how
many of them MLflow's page of runs loads."""
PAGE_SECONDS = 60
"""More than a page may ever take, on two cores that others use as well."""
IMAGE = "<img src=x onerror=alert(1)>"
NASTY = [
    IMAGE,
    "[bold]$(touch x)[/] `touch y`; | **z** [a](javascript:alert(1))",
    "../e\u0301 עב🙂",
]
STUDY = BARE + "".join(
    f"[references.'{name}']\ninterval = {place}\n" for place, name in enumerate(NASTY, 1)
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A home with a search of many trials, and one whose trials have nasty names."""
    place = Place(tmp_path_factory.mktemp("browse"))
    place.furnish()
    with hasty():
        for name, count, source in (("big", MANY, BARE), ("nasty", 9, STUDY)):
            publish(place.home, record_search(place.home, count, source, name=name))
    yield place
    place.close()


@pytest.fixture(scope="module")
def served(place):
    """The links that `ui` prints, by search, of a server that runs until the last test."""
    server = place.start(
        "swast-search", "ui", "big", "--home", "home", "--port", "0", "--dashboard"
    )
    try:
        yield SimpleNamespace(big=told(server), place=place, server=server)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def told(server):
    """What `ui` says: the search's page, its charts, its plot, the dashboard."""
    lines = [server.stdout.readline().strip()]
    while not lines[-1].startswith("Ctrl-C"):
        lines.append(server.stdout.readline().strip())
        assert server.poll() is None, lines
    page, *others, _ = lines
    return {"page": page} | dict(line.split(": ", 1) for line in others)


def opened(visit, url, selector):
    """Open a page and wait for something in it; how many seconds that took."""
    began = time.monotonic()
    visit.page.goto(url)
    visit.page.wait_for_selector(selector)
    return time.monotonic() - began


def members_of(place, name):
    """The front of a search: the numbers of its trials, the cheapest first."""
    trials = SearchTrials.load(f"sqlite:///{place.home}/optuna.db", name)
    return [member.number for member in front_of(trials.records())]


@pytest.mark.long
class TestManyTrials:
    def test_are_shown_by_the_searchs_page(self, served, visit):
        seconds = opened(visit, served.big["page"], "text=Export the knee")
        assert seconds < PAGE_SECONDS
        page = visit.page
        page.get_by_role("button", name="Load more").wait_for()
        assert page.get_by_role("link", name=re.compile(r"^big #\d+")).count() >= 10
        note = page.locator("table", has_text="on the front").inner_text()
        rows = [int(number) for number in re.findall(r"^#(\d+)", note, re.MULTILINE)]
        assert rows == members_of(served.place, "big")[: len(rows)]
        assert len(rows) > 10
        page.get_by_text("Show more").click()
        with page.expect_popup() as popup:
            page.get_by_role("link", name="Charts of its trials").click()
        assert "viewStateShareKey" in popup.value.url

    def test_are_shown_by_the_saved_view(self, served, visit):
        """The front's are loaded first."""
        seconds = opened(visit, served.big["charts"], ".scatterlayer .point")
        assert seconds < PAGE_SECONDS
        page = visit.page
        assert until(lambda: page.locator(".scatterlayer .point").count() == LOADED)
        page.get_by_text("log10_train_flops vs. val_accuracy").wait_for()
        listed = page.get_by_role("link", name=re.compile(r"^big #\d+$")).all_inner_texts()
        members = {f"big #{number}" for number in members_of(served.place, "big")}
        assert set(listed[:10]) <= members
        page.get_by_text("log10_train_flops vs. val_accuracy").hover()
        page.mouse.wheel(0, 800)
        page.locator(".parcoords").first.wait_for()
        for setting in ("interval", "coreset.scorer", "prune.sparsity", "val_accuracy"):
            page.locator(".parcoords .label", has_text=setting).first.wait_for()

    def test_are_drawn_by_the_plot_among_the_artifacts(self, served, visit):
        seconds = opened(visit, served.big["plot"], "iframe")
        plot = visit.page.frame_locator("iframe")
        plot.locator(".scatterlayer .point").first.wait_for()
        assert seconds < PAGE_SECONDS
        assert plot.locator(".scatterlayer .point").count() >= MANY

    @pytest.mark.parametrize("command", [["list"], ["show", "big"], ["watch", "big"]])
    def test_are_told_by_the_terminal_in_seconds(self, place, capsys, command):
        began = time.monotonic()
        assert cli.main([*command, "--home", str(place.home)]) == 0
        assert time.monotonic() - began < 20
        assert "big" in capsys.readouterr().out


@pytest.mark.long
class TestNastyNames:
    @pytest.fixture
    def links(self, served):
        run = served.place.study("nasty").user_attrs["run_id"]
        old = served.place.study("big").user_attrs["run_id"]
        return {name: url.replace(old, run) for name, url in served.big.items()}

    def test_are_text_on_the_searchs_page(self, links, visit):
        opened(visit, links["page"], "text=Export the knee")
        page = visit.page
        assert page.locator("img[src=x]").count() == 0
        # By then a script would have run, and `visit` have seen it.
        page.get_by_role("link", name=f"nasty #0 {IMAGE}").wait_for()

    def test_are_text_in_the_view_and_in_the_plot(self, links, visit):
        opened(visit, links["charts"], ".scatterlayer .point")
        assert until(lambda: visit.page.locator(".scatterlayer .point").count() == 9)
        visit.page.get_by_role("link", name=f"nasty #0 {IMAGE}").wait_for()
        opened(visit, links["plot"], "iframe")
        plot = visit.page.frame_locator("iframe")
        plot.locator(".scatterlayer .point").first.wait_for()
        assert plot.locator("img[src=x]").count() == 0

    def test_are_text_on_the_terminal(self, place, capsys):
        assert cli.main(["show", "nasty", "--home", str(place.home)]) == 0
        out = capsys.readouterr().out
        for number, name in enumerate(NASTY):
            assert f"#{number} {name}: accuracy" in out


class TestOptunasDashboard:
    def test_opens_on_the_search(self, served, visit):
        opened(visit, served.big["optuna"], "text=big")
        assert "/dashboard/studies/" in visit.page.url


class TestTheServer:
    def test_tells_programs_what_a_browser_is_shown(self, served):
        found = re.match(
            r"(http://127\.0\.0\.1:\d+)/#/experiments/(\d+)/runs/(\w+)", served.big["page"]
        )
        base, experiment, run_id = found.groups()

        def get(path, **body):
            data = json.dumps(body).encode() if body else None
            request = urllib.request.Request(
                f"{base}/{path}", data=data, headers={"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read().decode()

        assert "<html" in get("")
        parent = json.loads(get(f"api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]
        assert parent["info"]["run_name"] == "big"
        children = json.loads(
            get(
                "api/2.0/mlflow/runs/search",
                experiment_ids=[experiment],
                filter=f"tags.mlflow.parentRunId = '{run_id}'",
            )
        )["runs"]
        trials = SearchTrials.load(f"sqlite:///{served.place.home}/optuna.db", "big").records()
        assert {run["info"]["run_id"] for run in children} == {trial.run_id for trial in trials}
        assert len(children) == MANY
        plot = get(f"get-artifact?run_uuid={run_id}&path=plots/pareto.html")
        assert "plotly" in plot.lower()
        assert "coreset.fraction" in plot

    def test_serves_until_it_is_interrupted(self, served):
        """Nothing is asked of it after this."""
        os.killpg(served.server.pid, signal.SIGINT)
        done = ended(served.server)
        assert (done.code, done.out, done.err) == (0, "", "")
        assert until(lambda: not served.place.processes(), seconds=15), served.place.processes()
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(served.big["page"], timeout=2)
