"""Regeneration of the tables in studies.md: `python -m docs.study`."""

from __future__ import annotations

import dataclasses
from functools import partial

from docs.pages import DOCS, Parts, write
from search.study.study_file import find_study, shipped
from search.study.tables import NO_LIMIT, Constraints, HalvingConfig, Objectives, TrialResources
from swast.settings import Table, field_types

PAGE = DOCS / "studies.md"
TABLES = (Objectives, HalvingConfig, Constraints, TrialResources)


def keys(table: type[Table]) -> str:
    """Generate a table of a study table's keys: default, allowed values and meaning."""
    rows = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for each in dataclasses.fields(table):
        limits = each.metadata["setting"]
        whole = "whole, " if field_types(table)[each.name].kind is int else ""
        default = "none" if each.default == NO_LIMIT else f"{each.default:g}"
        rows.append(f"| `{each.name}` | {default} | {whole}{limits.range} | {limits.doc} |")
    return "\n".join(rows) + "\n"


def studies() -> str:
    """Generate a table of the studies that come with the package."""
    rows = ["| `--study` | what it is |", "|---|---|"]
    rows += [f"| `{name}` | {find_study(name).description} |" for name in shipped()]
    return "\n".join(rows) + "\n"


PARTS: Parts = {table.table: partial(keys, table) for table in TABLES} | {"studies": studies}

if __name__ == "__main__":
    write(PARTS, PAGE)
