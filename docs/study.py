"""Write the tables of studies.md anew: `python docs/study.py`."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from search.study import find_study, shipped
from search.tables import NO_LIMIT, Constraints, HalvingConfig, Objectives, TrialResources
from swast.settings import Table, field_types

PAGE = Path(__file__).with_name("studies.md")
MARKED = re.compile(r"(<!-- (\w+): python docs/study\.py -->\n).*?(<!-- end of \2 -->\n)", re.S)
TABLES = (Objectives, HalvingConfig, Constraints, TrialResources)


def keys(table: type[Table]) -> str:
    """The keys of a table: what they hold where nothing is said, what they may, what it means."""
    rows = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for each in dataclasses.fields(table):
        limits = each.metadata["setting"]
        whole = "whole, " if field_types(table)[each.name].kind is int else ""
        default = "none" if each.default == NO_LIMIT else f"{each.default:g}"
        rows.append(f"| `{each.name}` | {default} | {whole}{limits.range} | {limits.doc} |")
    return "\n".join(rows) + "\n"


def studies() -> str:
    """The studies that come with the package."""
    rows = ["| `--study` | what it is |", "|---|---|"]
    rows += [f"| `{name}` | {find_study(name).description} |" for name in shipped()]
    return "\n".join(rows) + "\n"


def renewed(page: str) -> str:
    """The page with its tables made anew."""
    made = {table.table: keys(table) for table in TABLES} | {"studies": studies()}
    return MARKED.sub(lambda found: found[1] + made[found[2]] + found[3], page)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
