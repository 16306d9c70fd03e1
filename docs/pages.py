"""Generated parts of these pages: each is between two comments that name part and command."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

DOCS = Path(__file__).parent
MARKED = re.compile(r"(<!-- (\w+): python -m docs\.\w+ -->\n).*?(<!-- end of \2 -->\n)", re.S)
Parts = Mapping[str, Callable[[], str]]


def renewed(page: str, parts: Parts) -> str:
    """Return a page with its marked parts regenerated."""
    return MARKED.sub(lambda found: found[1] + parts[found[2]]() + found[3], page)


def write(parts: Parts, *paths: Path) -> None:
    """Regenerate the marked parts of some pages."""
    for path in paths:
        path.write_text(renewed(path.read_text(encoding="utf-8"), parts), encoding="utf-8")
