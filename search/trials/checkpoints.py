"""Checkpoints of a search's trials: of open trials, and of the front's members."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

from search.errors import RequestError
from search.objectives import Objectives
from search.store.removal import Remover
from search.trials.trial_record import TrialRecord, contenders_of, front_of


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
    Remover(search).remove(folder_of(search, number, seed))


def wanted(records: Sequence[TrialRecord], objectives: Objectives) -> set[int]:
    """Return the trials whose checkpoints are of use: open, damaged, on the front or near it."""
    kept = {each.number for each in records if each.is_open or each.damage}
    near = [*front_of(records, objectives), *contenders_of(records)]
    return kept | {each.number for each in near}


def prepare(search: Path, kept: Set[int]) -> None:
    """Make the folder of checkpoints, with those of some trials alone.

    Raises:
        RequestError: it cannot be made.
    """
    folder = search / "checkpoints"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{folder} cannot be made: {error.strerror}") from None
    sweep(Remover(search), search, kept)


def sweep(remover: Remover, search: Path, kept: Set[int]) -> None:
    """Remove all checkpoints but those of some trials.

    Args:
        remover: of files in the search's folder.
        search: folder of the search.
        kept: numbers of the trials.
    """
    folder = search / "checkpoints"
    for name in remover.names(folder):
        if name not in {str(number) for number in kept}:
            remover.remove(folder / name)
