"""Write the tables of paper.md and the paper's part of results.md anew: `python -m docs.paper`."""

from __future__ import annotations

from docs.pages import DOCS, Parts, write
from studies.paper import STUDIES
from studies.paper.report import Report
from studies.paper.words import markdown

PAGE, RESULTS = DOCS / "paper.md", DOCS / "results.md"


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


PARTS: Parts = {"studies": studies, "paper": sections}

if __name__ == "__main__":
    write(PARTS, PAGE, RESULTS)
