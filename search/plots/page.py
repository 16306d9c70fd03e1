"""Self-contained HTML pages: charts, Plotly, styles and scripts in one file, without a network."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from search.plots.chart import Chart
from search.plots.interactive import figure
from search.plots.theme import NIGHT
from search.plots.words import escape
from search.trials.search_info import SearchInfo
from swast.files import replacing

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="{kind}">
<main>
{body}
</main>
<script type="application/json" id="page">{data}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""
FIGURE = """<figure data-plot="{key}" aria-label="{title}">
{menu}<div class="canvas" style="--height: {height}px"></div>
<aside class="details" aria-live="polite" hidden></aside>
</figure>"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """HTML page of a search.

    Attributes:
        info: the search.
        title: text of the browser's tab.
        body: HTML, with a `figure_of` every chart.
        kind: ``single`` for one plot that fills the window, ``report`` for text and plots.
        charts: charts in the body.
        configs: configurations that the page can copy, as TOML, by trial number.
        tracking: MLflow's URI; if it is a server, the page links to it.
    """

    info: SearchInfo
    title: str
    body: str
    kind: str
    charts: Sequence[Chart]
    configs: Mapping[int, str] = field(default_factory=dict)
    tracking: str = ""

    def render(self) -> str:
        """Return the page's HTML."""
        data = {
            "plots": {chart.key: _drawn(chart) for chart in self.charts},
            "night": NIGHT,
            "experiment": self.info.experiment_id,
            "tracking": _address(self.tracking),
            "name": self.info.name,
            "configs": self.configs,
        }
        return PAGE.format(
            title=html.escape(self.title),
            style=_asset("page.css"),
            kind=self.kind,
            body=self.body,
            data=in_script(data),
            plotly=get_plotlyjs(),
            script=_asset("page.js"),
        )

    def write(self, path: Path) -> None:
        """Write the page, and replace an earlier file.

        Raises:
            OSError: the file cannot be written.
        """
        text = self.render().encode()
        with replacing(path) as file:
            file.write(text)


def write_single(info: SearchInfo, chart: Chart, path: Path, tracking: str = "") -> None:
    """Write a page of one chart."""
    body = figure_of(chart)
    page = Page(
        info=info, title=chart.title, body=body, kind="single", charts=[chart], tracking=tracking
    )
    page.write(path)


def figure_of(chart: Chart) -> str:
    """Return the HTML element that holds a chart in a page."""
    choices = "".join(
        f'<option value="{place}">{html.escape(each.name)}</option>'
        for place, each in enumerate(chart.colourings)
    )
    menu = f'<label>Colour by <select><option value="">role</option>{choices}</select></label>\n'
    return FIGURE.format(
        key=chart.key,
        title=html.escape(chart.title),
        menu=menu if chart.colourings else "",
        height=chart.height,
    )


def in_script(data: object) -> str:
    """Return JSON that is safe inside a script element: no text in it can end the element."""
    return json.dumps(data, allow_nan=False).replace("<", "\\u003c")


def _drawn(chart: Chart) -> dict[str, Any]:
    """Return the data from which the page draws a chart."""
    return {
        "figure": json.loads(figure(chart).to_json(engine="json"), parse_float=_rounded),
        "runs": chart.runs,
        "colourings": [
            {
                "name": escape(each.name),
                "colours": each.colours,
                "bar": list(each.bar),
                "ticks": [(at, escape(text)) for at, text in each.ticks.items()],
            }
            for each in chart.colourings
        ],
    }


def _rounded(number: str) -> float:
    """Return a number with six digits, which suffice on a screen."""
    return float(f"{float(number):.6g}")


def _address(tracking: str) -> str:
    """Return a server's address for links; empty if there is no server or it has a password."""
    is_open = tracking.startswith(("http://", "https://")) and not set("@?#") & set(tracking)
    return tracking.rstrip("/") if is_open else ""


def _asset(name: str) -> str:
    return (resources.files("search.plots") / "assets" / name).read_text(encoding="utf-8")
