"""Write the tables of paper.md and the paper's part of results.md anew: `python docs/paper.py`."""

from __future__ import annotations

import re
from pathlib import Path

from studies.paper import STUDIES
from studies.paper.report import Report
from studies.paper.words import markdown

DOCS = Path(__file__).parent
PAGE, RESULTS = DOCS / "paper.md", DOCS / "results.md"
MARKED = re.compile(r"(<!-- (\w+): python docs/paper\.py -->\n).*?(<!-- end of \2 -->\n)", re.S)


def studies() -> str:
    """The studies: what they are, and how much they train at either scale."""
    rows = ["| NAME | what it is | small: trainings, seeds | paper |", "|---|---|--:|--:|"]
    for name, study in STUDIES.items():
        told = [
            f"{len(study.cells(study.setting(scale)))}, {study.seeds[scale]}"
            for scale in ("small", "paper")
        ]
        rows.append(f"| `{name}` | {study.title} | {' | '.join(told)} |")
    return "\n".join(rows) + "\n"


def sections() -> str:
    """The reports in the folder of results, in the order of the studies."""
    paths = [DOCS / "results" / f"{name}.json" for name in STUDIES]
    made = [markdown(Report.read(path), level=3) for path in paths if path.exists()]
    return "\n\n".join(made) + "\n"


def renewed(page: str) -> str:
    """A page with its marked parts made anew."""
    make = {"studies": studies, "paper": sections}
    return MARKED.sub(lambda found: found[1] + make[found[2]]() + found[3], page)


if __name__ == "__main__":
    for path in (PAGE, RESULTS):
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
