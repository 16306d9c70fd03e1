"""Checkpoints of a search's trials: of those that are not at their end, and of the front's."""

from __future__ import annotations

import shutil
from collections.abc import Sequence, Set
from pathlib import Path

from search.records import TrialRecord, front_of


def folder_of(search: Path, number: int, seed: int | None = None) -> Path:
    """Where a trial's checkpoint is, in the folder of its search.

    Args:
        search: the folder.
        number: of the trial.
        seed: one that it is confirmed with; None for its own.
    """
    return search / "checkpoints" / (str(number) if seed is None else f"{number}-seed-{seed}")


def remove(search: Path, number: int, seed: int | None = None) -> None:
    """Remove a checkpoint, if there is one."""
    shutil.rmtree(folder_of(search, number, seed), ignore_errors=True)


def wanted(records: Sequence[TrialRecord]) -> set[int]:
    """The trials whose checkpoints are of use: those that go on, and the front's."""
    going = {each.number for each in records if each.is_open}
    return going | {each.number for each in front_of(records)}


def sweep(search: Path, kept: Set[int]) -> None:
    """Make the folder of the checkpoints, and remove from it all but those of some trials."""
    folder = search / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in {str(number) for number in kept}:
            shutil.rmtree(path, ignore_errors=True)
