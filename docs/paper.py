"""Write the tables of paper.md and the reports in results.md anew: `python -m docs.paper`."""

from __future__ import annotations

import contextlib
import io
import json

from bench import intervals, sheet
from docs.pages import DOCS, Parts, write
from studies.paper import STUDIES
from studies.paper.report import Report
from studies.paper.words import brief, tally
from studies.tables import excluding, table

PAGE, RESULTS, FOLDER = DOCS / "paper.md", DOCS / "results.md", "results/"


def studies() -> str:
    """Return the table of studies, with their trainings and seeds at either scale."""
    rows = ["| NAME | title | small: trainings, seeds | paper |", "|---|---|--:|--:|"]
    for name, study in STUDIES.items():
        counts = [
            f"{len(study.cells(study.setting(scale)))}, {study.seeds[scale]}"
            for scale in ("small", "paper")
        ]
        rows.append(f"| `{name}` | {study.title} | {' | '.join(counts)} |")
    return "\n".join(rows) + "\n"


def reports() -> list[Report]:
    """Read the reports in the folder of results, in the order of the studies."""
    paths = [DOCS / FOLDER / f"{name}.json" for name in STUDIES]
    return [Report.read(path) for path in paths if path.exists()]


def verdicts() -> str:
    """Count the claims of each study by verdict, and all intervals that exclude 0."""
    found = reports()
    grid = tally(found)
    every = [each.effect for report in found for each in report.claims]
    every += [each.interval for report in found for each in report.effects]
    return f"{table(grid.head, grid.rows)}\n\n{excluding(every)}\n"


def coverage() -> str:
    """Return the measured coverage of intervals, below the machine it was measured on."""
    found = json.loads((DOCS / "bench" / "intervals.json").read_text(encoding="utf-8"))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        intervals.show(found)
    return f"{sheet.said(found[sheet.FACTS])}\n\n{out.getvalue().strip()}\n"


def sections() -> str:
    """Return each report's figure and claims."""
    return "\n\n".join(brief(each, FOLDER) for each in reports()) + "\n"


PARTS: Parts = {
    "studies": studies,
    "coverage": coverage,
    "verdicts": verdicts,
    "reports": sections,
}

if __name__ == "__main__":
    write(PARTS, PAGE, RESULTS)
