"""A report as one offline HTML page: figure, claims, every table, and how it was made."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence

from studies.paper.report import Grid, Report
from studies.paper.words import facts, grids

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{study}: {title}</title>
<style>
body {{ margin: 0; background: #fff; color: #222; font: 15px/1.55 system-ui, sans-serif }}
main {{ max-width: 1180px; margin: 0 auto; padding: 24px 24px 64px }}
h1 {{ font-size: 26px; line-height: 1.25; margin: 0 0 4px }}
h2 {{ font-size: 19px; margin: 36px 0 8px }}
figure {{ margin: 20px 0 }}
img {{ width: 100%; height: auto }}
figcaption {{ max-width: 75em }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0 }}
dt {{ color: #5f5f5f }}
dd {{ margin: 0; overflow-wrap: anywhere }}
.scroll {{ overflow: auto; border: 1px solid #dcdcdc; border-radius: 6px }}
table {{ border-collapse: collapse; font-size: 13.5px; min-width: 100% }}
th, td {{ padding: 5px 10px; text-align: right; border-bottom: 1px solid #e8e8e8 }}
th {{ background: #f5f6f8; position: sticky; top: 0 }}
td {{ font-variant-numeric: tabular-nums; white-space: nowrap }}
th.text, td.text {{ text-align: left; white-space: normal }}
tr:last-child td {{ border-bottom: 0 }}
</style>
</head>
<body>
<main>
<h1>{study}: {title}</h1>
<figure>
<img alt="{title}" src="data:image/png;base64,{image}">
<figcaption>{caption}</figcaption>
</figure>
{tables}
<h2>How it was made</h2>
<dl>
{facts}
</dl>
</main>
</body>
</html>
"""
BOLD = re.compile(r"\*\*(.+?)\*\*")
NUMBER = re.compile(r"[*]*[+−]?\d.{0,30}|–?")
"""Cell text of a right-aligned column; all of its cells have to match."""


def render(report: Report, png: bytes) -> str:
    """Return the page as HTML.

    Args:
        report: to show.
        png: its figure.
    """
    return PAGE.format(
        study=html.escape(report.study),
        title=html.escape(report.title),
        image=base64.b64encode(png).decode(),
        caption=html.escape(report.caption),
        tables="\n".join(map(_table, grids(report))),
        facts="\n".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>"
            for name, text in facts(report).items()
        ),
    )


def _table(grid: Grid) -> str:
    columns = list(zip(*grid.rows, strict=True))
    kinds = [
        ' class="text"' if not all(map(NUMBER.fullmatch, column)) else "" for column in columns
    ]

    def line(tag: str, cells: Sequence[str]) -> str:
        filled = (
            f"<{tag}{kind}>{_bold(html.escape(text))}</{tag}>"
            for kind, text in zip(kinds, cells, strict=True)
        )
        return f"<tr>{''.join(filled)}</tr>"

    rows = "\n".join(line("td", row) for row in grid.rows)
    return (
        f'<h2>{html.escape(grid.title)}</h2>\n<div class="scroll"><table>\n'
        f"<thead>{line('th', grid.head)}</thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _bold(text: str) -> str:
    """Turn Markdown's asterisks into HTML."""
    return BOLD.sub(r"<b>\1</b>", text)
