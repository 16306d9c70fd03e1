"""Searches among the studies of a storage, which other programs may use as well."""

from __future__ import annotations

from optuna.storages import BaseStorage

from search.errors import RequestError
from search.study.names import is_name
from search.trials.search_info import FIELDS

LAST = "source"
"""The fact of a new search that is stored last: a search without it is incomplete."""


def names_in(storage: BaseStorage) -> list[str]:
    """Return the names of the searches in a storage, oldest first."""
    studies = storage.get_all_studies()
    names = [each.study_name for each in studies if LAST in each.user_attrs]
    return [name for name in names if is_name(name)]


def name_taken(name: str) -> RequestError:
    """Return the error for a new search whose name another search has."""
    return RequestError(
        f"a search named {name!r} exists; --resume {name} resumes it, --name chooses another name"
    )


def checked(name: str) -> str:
    """Return a name to look for.

    Raises:
        KeyError: no search can have it.
    """
    if not is_name(name):
        raise KeyError(name)
    return name


def remove_unfinished(storage: BaseStorage, name: str) -> None:
    """Remove the remains of a driver that died while it created a search of that name.

    They have no trials and only some of the facts. Studies that other programs made stay.
    """
    for study in storage.get_all_studies():
        ours = study.user_attrs.keys() <= set(FIELDS) | {"study"}
        if study.study_name == name and ours and not storage.get_n_trials(study._study_id):
            storage.delete_study(study._study_id)
