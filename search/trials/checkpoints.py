"""Checkpoints of a search's trials: of open trials, and of contenders for the front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from search.errors import RequestError
from search.store.removal import Remover
from search.trials.confirming import confirming_seeds
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, contenders_of


def folder_of(search: Path, number: int, seed: int | None = None) -> Path:
    """Return the folder of a trial's checkpoint.

    Args:
        search: folder of the search.
        number: of the trial.
        seed: a further seed that confirms it; None for its own.
    """
    return search / "checkpoints" / _name(number, seed)


def _name(number: int, seed: int | None = None) -> str:
    return str(number) if seed is None else f"{number}-seed-{seed}"


def remove(search: Path, number: int, seed: int | None = None) -> None:
    """Remove a checkpoint, if there is one."""
    Remover(search).remove(folder_of(search, number, seed))


def wanted(records: Sequence[TrialRecord], info: SearchInfo) -> set[str]:
    """Return the names of the checkpoints that are of use.

    Those are of open and damaged trials, of contenders for the front, and of the trainings that
    confirm contenders, until their networks are read on the test set.

    Args:
        records: of the search's trials, with estimates if there are any.
        info: the search.
    """
    kept = {_name(each.number) for each in records if each.is_open or each.damage}
    near = contenders_of(records, info.objectives)
    near += [each for each in records if each.number in info.confirming]
    return kept.union(*(_of_contender(each, records, info.confirm_seeds) for each in near))


def _of_contender(
    record: TrialRecord, records: Sequence[TrialRecord], seeds: int
) -> Iterator[str]:
    yield _name(record.number)
    for seed in confirming_seeds(record, records, seeds):
        reading = record.readings.get(seed)
        if reading is None or reading.test_score is None:
            yield _name(record.number, seed)


def prepare(search: Path, kept: Set[str]) -> None:
    """Make the folder of checkpoints, and remove those in it that are of no use.

    Args:
        search: folder of the search.
        kept: names of those of use.

    Raises:
        RequestError: it cannot be made.
    """
    folder = search / "checkpoints"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{folder} cannot be made: {error.strerror}") from None
    sweep(Remover(search), search, kept)


def sweep(remover: Remover, search: Path, kept: Set[str]) -> None:
    """Remove the checkpoints that are of no use.

    Args:
        remover: of files in the search's folder.
        search: folder of the search.
        kept: names of those of use.
    """
    folder = search / "checkpoints"
    for name in remover.names(folder):
        if name not in kept:
            remover.remove(folder / name)
