"""Write the tables of search.md anew: `python -m docs.searching`."""

from __future__ import annotations

import dataclasses
import json

from bench.halving import HEADER, ROW
from docs.pages import DOCS, Parts, write
from search.driver.request import Request

PAGE = DOCS / "search.md"
HALVING = DOCS / "bench" / "halving.json"


def options() -> str:
    """What can be asked of a search."""
    rows = ["| option | what it says |", "|---|---|"]
    for each in dataclasses.fields(Request):
        option = each.metadata["option"]
        value = option.metavar or ("\\|".join(option.choices) if option.choices else "")
        if not value and not isinstance(each.default, bool):
            value = each.name.upper()
        flag = f"--{each.name.replace('_', '-')} {value}".strip()
        rows.append(f"| `{flag}` | {option.help} |")
    return "\n".join(rows) + "\n"


def halving() -> str:
    """What halving spent and found, seed by seed."""
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


PARTS: Parts = {"options": options, "halving": halving}

if __name__ == "__main__":
    write(PARTS, PAGE)
