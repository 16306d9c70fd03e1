"""Regeneration of the tables in search.md: `python -m docs.searching`."""

from __future__ import annotations

import dataclasses
import json

from bench.halving import HEADER, ROW
from docs.pages import DOCS, Parts, write
from search.cli import COMMANDS
from search.driver.request import Request
from swast.options import flag, placeholder
from swast.settings import field_types

PAGE = DOCS / "search.md"
HALVING = DOCS / "bench" / "halving.json"


def row(*cells: str) -> str:
    """Format a row of a table; a ``|`` in a cell does not end the cell."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def options() -> str:
    """Generate the table of the options of a search."""
    rows = ["| option | meaning |", "|---|---|"]
    types = field_types(Request)
    for each in dataclasses.fields(Request):
        kind, option = types[each.name], each.metadata["setting"]
        value = "" if kind.kind is bool else f" {placeholder(each.name, kind, option)}"
        rows.append(row(f"`{flag(each.name)}{value}`", option.doc))
    return "\n".join(rows) + "\n"


def commands() -> str:
    """Generate the table of commands, with an example each."""
    rows = ["| command | what it does | example |", "|---|---|---|"]
    for name, command in COMMANDS.items():
        rows.append(row(f"`{name}`", command.summary, f"`swast-search {command.example}`"))
    return "\n".join(rows) + "\n"


def halving() -> str:
    """Generate the table of FLOPs and results with and without halving, by seed."""
    found = json.loads(HALVING.read_text(encoding="utf-8"))
    rows = [HEADER, *(ROW.format(**each) for each in found["seeds"])]
    mean = (
        "| mean | | | **{flops_ratio:.3f}** | | {difference:+.4f} ± {difference_error:.4f} | | | |"
    )
    rows.append(mean.format(**found))
    note = (
        "\nThe hypervolume of the whole searches has a standard deviation of "
        f"{found['whole_spread']:.4f} over the seeds.\n"
    )
    return "\n".join(rows) + "\n" + note


PARTS: Parts = {"options": options, "commands": commands, "halving": halving}

if __name__ == "__main__":
    write(PARTS, PAGE)
