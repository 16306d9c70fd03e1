"""Parts of the pages here that commands make: between two comments that name part and command."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

DOCS = Path(__file__).parent
MARKED = re.compile(r"(<!-- (\w+): python -m docs\.\w+ -->\n).*?(<!-- end of \2 -->\n)", re.S)
Parts = Mapping[str, Callable[[], str]]


def renewed(page: str, parts: Parts) -> str:
    """A page whose marked parts are made anew."""
    return MARKED.sub(lambda found: found[1] + parts[found[2]]() + found[3], page)


def write(parts: Parts, *paths: Path) -> None:
    """Make the marked parts of some pages anew."""
    for path in paths:
        path.write_text(renewed(path.read_text(encoding="utf-8"), parts), encoding="utf-8")
