"""Write the tables of performance.md anew, from docs/bench: `python -m docs.performance`."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from bench import (
    again,
    calibration,
    loop,
    overhead,
    scaling,
    search,
    selection,
    sheet,
    trials,
    trust,
)
from docs.pages import DOCS, Parts, write

PAGE = DOCS / "performance.md"
Sheet = dict[str, Any]
SHOWN: dict[str, Callable[[Sheet], None]] = {
    "selection": selection.show,
    "loop": loop.show,
    "calibration": calibration.show,
    "overhead": overhead.show,
    "overhead_stock": overhead.show,
    "search": search.show,
    "scaling": scaling.show,
    "trials": trials.show,
    "again": again.show,
}
"""Functions that print a file's tables, by the file's name."""
STRATEGIES = {
    "ehvi": "one reading each",
    "ehvi+fifth": "every fifth again",
    "ehvi+auto": "ours, `auto`",
}
"""What the page calls the strategies of `bench.trust`."""
TUNED = ("digits", "vehicle")
"""Worlds of `bench.trust` on which settings of the search were chosen."""
OTHERS = ("optuna:tpe", "optuna:gp", "optuna:nsga2", "asha", "moasha", "moasha:repaired")


@cache
def read(name: str) -> Sheet:
    """Read a file of figures."""
    found: Sheet = json.loads((DOCS / "bench" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def tables(name: str) -> str:
    """Return a file's tables, below the machine and versions they were measured on."""
    found, out = read(name), io.StringIO()
    with contextlib.redirect_stdout(out):
        SHOWN[name](found)
    return f"{sheet.said(found[sheet.FACTS])}\n\n{out.getvalue().strip()}\n"


@dataclass(frozen=True)
class Mark:
    """Goal for a measured figure.

    Attributes:
        what: description of the figure.
        wanted: the most (or the least, see `least`) that meets the goal.
        found: the measured figure.
        least: whether more is better.
        unit: of both.
    """

    what: str
    wanted: float
    found: float
    least: bool = False
    unit: str = ""

    def row(self) -> str:
        """Format the goal as a row of the table."""
        holds = self.found >= self.wanted if self.least else self.found <= self.wanted
        limit = f"at {'least' if self.least else 'most'} {self.wanted:g}{self.unit}"
        answer = "yes" if holds else "**no**"
        return f"| {self.what} | {limit} | {self.found:.4g}{self.unit} | {answer} |"


def found_marks() -> list[Mark]:
    """Return all goals, part by part."""
    return [*selecting(), *looping(), *serving(), *searching(), *growing()]


def selecting() -> list[Mark]:
    """Return the goals for coreset selection."""
    rows = read("selection")["cords"]
    found = [
        Mark(
            f"gradmatch, {row['picks']} picks a class: CORDS' faster solver over ours",
            row["wanted"],
            row["ratio"],
            least=True,
        )
        for row in rows
    ]
    residuals = [
        row["ours_residual"] / min(row["torch_residual"], row["numpy_residual"]) for row in rows
    ]
    return [*found, Mark("its residual over theirs, the worst", 1.01, max(residuals))]


def looping() -> list[Mark]:
    """Return the goals for the training loop."""
    return [
        Mark(f"{network}, {arm}: a step of ours over a bare one", row["limit"], row["steps"])
        for network, found in read("loop")["networks"].items()
        for arm, row in found["arms"].items()
        if row["limit"]
    ]


def serving() -> list[Mark]:
    """Return the goals for the service around the trainings."""
    ratio, _ = overhead.against(read("overhead_stock"), "stock", "beyond")
    _, more = overhead.against(read("overhead"), "optuna", "beyond")
    return [
        Mark("a trial beyond its training, over stock Tune's", 0.2, ratio),
        Mark("a trial beyond its training, less that of Optuna's loop", 0.1, more, unit=" s"),
    ]


def searching() -> list[Mark]:
    """Return the goals for a search's FLOPs, with ehvi, halving and shared warm-ups."""
    rows = read("search")["rows"]
    marks = []
    for workers in dict.fromkeys(row["workers"] for row in rows):
        costs = {row["strategy"]: row["cost"] for row in rows if row["workers"] == workers}
        ours, best = costs["ours:ehvi"], min(costs.get(name) or 1.0 for name in OTHERS)
        reach = f"FLOPs for the hypervolume of 200 random trials, {workers} workers: ours over"
        marks.append(Mark(f"{reach} random's", 0.25, ours))
        marks.append(Mark(f"{reach} those of the best of the others", 0.5, ours / best))
    return marks


def growing() -> list[Mark]:
    """Return the goals for a trial's growth with samples, for scorers linear in them."""
    linear = ("random", "el2n", "moderate", "glister", "gradmatch, 100 a class")
    trials_of = read("scaling")["samples"]
    return [
        Mark(
            f"slope of a trial's {field} against samples, n·log n, the worst",
            1.08,
            max(scaling.slope(trials_of[name], "samples", field) for name in linear),
        )
        for field in ("flops", "seconds")
    ]


COLUMNS = (
    ("members", 1, 1),
    ("optimism_above", 100, 2),
    ("covered", 100, 0),
    ("stay", 100, 0),
    ("nearly", 100, 0),
    ("found", 1, 3),
    ("over ehvi", 1, 3),
)
"""Fields of a row on the worth of fronts, their scale, and the digits that are shown."""


def trusted() -> str:
    """Return what fronts are worth when they are trained again, in every recorded world."""
    heads = (
        "world, trainings",
        "strategy",
        "members",
        "optimism, points",
        "90 % intervals cover",
        "stay, %",
        "nearly, %",
        "hypervolume by true means",
        "less one reading's",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for world in TUNED:
        found = read(f"trust-{world}")
        for row in found["rows"]:
            cells = [f"{found['world']}, {row['budget']}", STRATEGIES[row["strategy"]]]
            for field, scale, digits in COLUMNS:
                value = row[field]
                pair = (value, None) if isinstance(value, float) else value
                cells.append(trust.text(pair, scale, digits).replace("-", "−"))
            lines.append(f"| {' | '.join(cells)} |")
    facts = sheet.said(read("trust-digits")[sheet.FACTS])
    return f"{facts}\n\n" + "\n".join(lines) + "\n"


def trusted_outside() -> str:
    """Return the same, shorter, in the tables that no setting of the search was chosen on."""
    heads = (
        "table, trainings",
        "optimism of one reading",
        "of ours",
        "90 % intervals cover",
        "stay of one reading",
        "of ours",
        "hypervolume less one reading's",
        "less every fifth's",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    names = sorted(path.stem for path in (DOCS / "bench").glob("trust-*.json"))
    for found in (read(name) for name in names if name.partition("-")[2] not in TUNED):
        rows = {(row["budget"], row["strategy"]): row for row in found["rows"]}
        for budget in dict.fromkeys(budget for budget, _ in rows):
            one, ours = rows[budget, "ehvi"], rows[budget, "ehvi+auto"]
            cells = [
                trust.text(one["optimism_above"], 100, 2),
                trust.text(ours["optimism_above"], 100, 2),
                trust.text(ours["covered"], 100, 0),
                trust.text(one["stay"], 100, 0),
                trust.text(ours["stay"], 100, 0),
                trust.text(ours["over ehvi"], 1, 3),
                trust.text(ours["over ehvi+fifth"], 1, 3),
            ]
            line = f"| {found['world']}, {budget} | {' | '.join(cells)} |"
            lines.append(line.replace("-", "−"))
    return "\n".join(lines) + "\n"


def summary() -> str:
    """Return the goals as a table."""
    rows = [mark.row() for mark in found_marks()]
    return "\n".join(["| figure | goal | found | met |", "|---|---|---|---|", *rows]) + "\n"


PARTS: Parts = {name: partial(tables, name) for name in SHOWN}
PARTS |= {"marks": summary, "trust": trusted, "unseen": trusted_outside}

if __name__ == "__main__":
    write(PARTS, PAGE)
