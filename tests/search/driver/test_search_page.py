"""docs/search.md matches the code and the measured figures."""

from __future__ import annotations

import json
import re

from docs import searching
from docs.pages import DOCS, renewed
from search.cli import COMMANDS

PAGE = (DOCS / "search.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code_and_the_figures():
    """`python -m docs.searching` regenerates them."""
    assert renewed(PAGE, searching.PARTS) == PAGE
    assert PAGE.count("<!-- end of") == 3


def test_every_command_is_named():
    assert all(f"`{name}" in PAGE or f"swast-search {name}" in PAGE for name in COMMANDS)


def test_the_halving_it_explains_is_what_was_measured():
    measured = json.loads((DOCS / "bench" / "halving.json").read_text(encoding="utf-8"))
    written = dict(re.findall(r"^    (grace|reduction) = (\d+)", PAGE, re.MULTILINE))
    assert {name: int(value) for name, value in written.items()} == {
        name: measured[name] for name in ("grace", "reduction")
    }
