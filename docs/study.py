"""Regeneration of the tables in studies.md: `python -m docs.study`."""

from __future__ import annotations

import dataclasses
import math
from functools import partial

from docs.pages import DOCS, Parts, write
from search.objectives import COSTS
from search.study.study_file import find_study, shipped
from search.study.tables import Constraints, HalvingConfig, ObjectivesConfig, TrialResources
from swast.settings import Table, field_types

PAGE = DOCS / "studies.md"
TABLES = (ObjectivesConfig, HalvingConfig, Constraints, TrialResources)
CHOICES = {"cost": ", ".join(f"`{name}`" for name in COSTS)}
"""Allowed values of text keys."""


def keys(table: type[Table]) -> str:
    """Generate a table of a study table's keys: default, allowed values and meaning."""
    rows = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for each in dataclasses.fields(table):
        limits = each.metadata["setting"]
        whole = "whole, " if field_types(table)[each.name].kind is int else ""
        allowed = CHOICES.get(each.name) or f"{whole}{limits.range}"
        rows.append(f"| `{each.name}` | {default(each.default)} | {allowed} | {limits.doc} |")
    return "\n".join(rows) + "\n"


def default(value: object) -> str:
    """Return a default as the table prints it."""
    if isinstance(value, str):
        return f"`{value}`"
    assert isinstance(value, int | float)
    return "none" if value == math.inf else f"{value:g}"


def studies() -> str:
    """Generate a table of the studies that come with the package."""
    rows = ["| `--study` | what it is |", "|---|---|"]
    rows += [f"| `{name}` | {find_study(name).description} |" for name in shipped()]
    return "\n".join(rows) + "\n"


PARTS: Parts = {table.table: partial(keys, table) for table in TABLES} | {"studies": studies}

if __name__ == "__main__":
    write(PARTS, PAGE)
