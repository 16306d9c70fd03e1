"""Regeneration of the tables in trainer.md: `python -m docs.trainer`."""

from __future__ import annotations

import importlib
import re
from functools import partial

from docs.pages import DOCS, Parts, write
from swast.config import TrainConfig, setting_paths
from swast.coresets import SCORERS
from swast.pruning import PRUNERS
from swast.settings import FieldType, Setting, subtables

PAGE = DOCS / "trainer.md"


def allowed(kind: FieldType, limits: Setting) -> str:
    """Format the valid values of a setting, as in error messages."""
    names = kind.names or limits.names
    if names:
        return ", ".join(f"`{name}`" for name in [*names, *limits.forms])
    if kind.kind in (int, float):
        return f"{'whole, ' if kind.kind is int else ''}{limits.range}"
    return {bool: "`true`, `false`", str: "string", tuple: "list of strings"}[kind.kind]


def shown(default: object) -> str:
    """Format a default as in TOML."""
    if isinstance(default, bool):
        return str(default).lower()
    return (
        f'"{default}"'
        if isinstance(default, str)
        else str(list(default))
        if isinstance(default, tuple)
        else f"{default:g}"
    )


def settings() -> str:
    """Generate a table of fields for each table of the configuration."""
    parts = []
    for name, table in {"": TrainConfig, **subtables(TrainConfig)}.items():
        title = f"### `[{name}]`\n\n{table.__doc__}\n" if name else "### At the top\n"
        rows = ["| field | default | allowed | symbol | meaning |", "|---|---|---|---|---|"]
        for path, (kind, limits, default) in setting_paths().items():
            parent, _, field = path.rpartition(".")
            if parent == name:
                rows.append(
                    f"| `{field}` | `{shown(default)}` | {allowed(kind, limits)} "
                    f"| {limits.symbol} | {limits.doc} |"
                )
        parts.append(title + "\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def methods(package: str, names: list[str]) -> str:
    """Generate a table of methods from the first sentence, cost and source in their files."""
    rows = ["| name | what it does | cost | source |", "|---|---|---|---|"]
    for name in names:
        stem = name.replace("-", "_").replace(":", "_")
        text = importlib.import_module(f"swast.{package}.{stem}").__doc__ or ""
        flat = re.sub(r"\s+", " ", text)
        does = re.search(r": (.*?[.;])(?= [A-Z]|$)", flat)
        cost = re.search(r"Cost: (.*?)(?=\.? Needs:|\. |$)", flat)
        source = re.search(r"Source: (.*?\d{4})", flat)
        cells = [each.group(1) if each else "" for each in (does, cost, source)]
        what, cost_of, where = (cell.rstrip(".;").replace("|", "\\|") for cell in cells)
        rows.append(f"| `{name}` | {what} | {cost_of} | {where} |")
    return "\n".join(rows) + "\n"


PARTS: Parts = {
    "settings": settings,
    "scorers": partial(methods, "coresets", list(SCORERS)),
    "pruners": partial(methods, "pruning", list(PRUNERS)),
}

if __name__ == "__main__":
    write(PARTS, PAGE)
