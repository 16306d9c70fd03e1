"""Checkpoints of a search's trials: of open trials, and of the front's members."""

from __future__ import annotations

import shutil
from collections.abc import Sequence, Set
from pathlib import Path

from search.objectives import Objectives
from search.trials.trial_record import TrialRecord, front_of


def folder_of(search: Path, number: int, seed: int | None = None) -> Path:
    """Return the folder of a trial's checkpoint.

    Args:
        search: folder of the search.
        number: of the trial.
        seed: a further seed that confirms it; None for its own.
    """
    return search / "checkpoints" / (str(number) if seed is None else f"{number}-seed-{seed}")


def remove(search: Path, number: int, seed: int | None = None) -> None:
    """Remove a checkpoint, if there is one."""
    shutil.rmtree(folder_of(search, number, seed), ignore_errors=True)


def wanted(records: Sequence[TrialRecord], objectives: Objectives) -> set[int]:
    """Return the trials whose checkpoints are of use: open ones, and the front's members."""
    open_trials = {each.number for each in records if each.is_open}
    return open_trials | {each.number for each in front_of(records, objectives)}


def sweep(search: Path, kept: Set[int]) -> None:
    """Make the folder of checkpoints, and remove all checkpoints but those of some trials."""
    folder = search / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in {str(number) for number in kept}:
            shutil.rmtree(path, ignore_errors=True)
