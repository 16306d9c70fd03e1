"""Tracebacks of failed trials, in the search's folder: TRIAL.txt, the last one of a trial."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

FOLDER = "tracebacks"


def keep(search: Path, number: int, trace: str) -> None:
    """Write the traceback of a trial; nothing if there is none, or if the disk is full.

    Args:
        search: folder of the search.
        number: of the trial.
        trace: as Python prints it.
    """
    if trace:
        with suppress(OSError):
            (search / FOLDER).mkdir(parents=True, exist_ok=True)
            (search / FOLDER / f"{number}.txt").write_text(trace, encoding="utf-8")


def kept(search: Path) -> list[str]:
    """Return the names of all tracebacks, relative to the search's folder."""
    return sorted(f"{FOLDER}/{path.name}" for path in (search / FOLDER).glob("*.txt"))
