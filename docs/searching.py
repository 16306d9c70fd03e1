"""Write the tables of search.md anew: `python docs/searching.py`."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from bench.halving import HEADER, ROW
from search.request import Request

PAGE = Path(__file__).with_name("search.md")
HALVING = Path(__file__).parent / "bench" / "halving.json"
MARKED = re.compile(
    r"(<!-- (\w+): python docs/searching\.py -->\n).*?(<!-- end of \2 -->\n)", re.S
)


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


def renewed(page: str) -> str:
    """The page with its tables made anew."""
    made = {"options": options(), "halving": halving()}
    return MARKED.sub(lambda found: found[1] + made[found[2]] + found[3], page)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
