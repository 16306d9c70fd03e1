"""Searches among the studies of a storage, which other programs may use as well.

A search is made under a name that no search can have, and gets its own name in one step when all
its facts are stored. So a study under a search's name is a whole search, or not ours.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import optuna

from search.errors import RequestError, UnreadableError
from search.objectives import Objectives
from search.samplers.registry import SAMPLERS
from search.store.retrying_storage import RetryingStorage, open_storage
from search.store.tolerant_storage import StoredStudy
from search.store.urls import shown
from search.study.names import is_name
from search.trials.facts import MARK, mark, newer
from search.trials.search_info import NEEDED, SearchInfo, Tracked
from swast.errors import ConfigError

UNFINISHED = ".swast-search unfinished "
"""Leads the name of a study whose search is not whole yet; no name of a search begins so."""


def is_ours(facts: Iterable[str]) -> bool:
    """Return whether a study with some facts is a search.

    Older versions did not mark their searches. These are known by the facts that every search has,
    even if one of them is lost.
    """
    names = set(facts)
    return MARK in names or len(names & {*NEEDED, "uid"}) >= len(NEEDED)


def names_in(storage: RetryingStorage) -> list[str]:
    """Return the names of the searches in a storage, oldest first."""
    studies = storage.stored_studies()
    return [each.name for each in studies if is_ours(each.facts) and is_name(each.name)]


def found_in(storage: RetryingStorage, name: str, place: str) -> StoredStudy:
    """Return the study of a search.

    Args:
        storage: the storage.
        name: of the search.
        place: the storage's URL to print.

    Raises:
        RequestError: there is no search of that name, or another program made the study.
    """
    studies = storage.stored_studies(name) if is_name(name) else []
    if not studies:
        known = names_in(storage)
        listed = f"; there are {', '.join(known)}" if known else ""
        raise RequestError(f"no search named {name!r}{listed}")
    if not is_ours(studies[0].facts):
        raise RequestError(f"{name!r} in {place} was not made by swast-search")
    return studies[0]


class StoredSearch:
    """Search in a storage that need not be readable.

    Args:
        storage_url: URL of the storage.
        name: of the search.

    Raises:
        RequestError: there is no search of that name.
    """

    def __init__(self, storage_url: str, name: str) -> None:
        self._storage = open_storage(storage_url)
        self._study = found_in(self._storage, name, shown(storage_url))

    @property
    def tracked(self) -> Tracked:
        """The search in MLflow."""
        return Tracked.salvaged(self._study.name, self._study.facts)

    @property
    def trials(self) -> int:
        """Number of its trials, those that wait included."""
        return self._storage.get_n_trials(self._study.id)

    def delete(self) -> None:
        """Remove the search from the storage, with all its trials."""
        self._storage.delete_study(self._study.id)


def check_free(storage: RetryingStorage, name: str) -> None:
    """Refuse a name for a new search that a study has.

    Raises:
        RequestError: a search has it, or another program's study.
    """
    for study in storage.stored_studies(name):
        if not is_ours(study.facts):
            raise RequestError(
                f"the search database has a study named {name!r} that swast-search did not make; "
                "--name chooses another name"
            )
        raise name_taken(name)
    for taken in names_in(storage):
        if taken.casefold() == name.casefold():  # they would share a folder on some file systems
            raise name_taken(taken)


def name_taken(name: str) -> RequestError:
    """Return the error for a new search whose name another search has."""
    return RequestError(
        f"a search named {name!r} exists; --resume {name} resumes it, --name chooses another name"
    )


def new_study(storage: RetryingStorage, info: SearchInfo) -> optuna.Study:
    """Store a new search, and return its study.

    The remains of a driver that died while it created a search of that name are removed.

    Raises:
        RequestError: the name is taken.
    """
    axes, unfinished = info.objectives, UNFINISHED + info.name
    check_free(storage, info.name)
    for remains in storage.stored_studies(unfinished):
        storage.delete_study(remains.id)
    study = optuna.create_study(
        study_name=unfinished, storage=storage, directions=_directions(axes), load_if_exists=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([axes.score.metric, axes.cost.absolute_key])
    for key, value in ({MARK: mark()} | info.to_dict()).items():
        study.set_user_attr(key, value)
    try:
        storage.rename_study(study._study_id, info.name)
    except optuna.exceptions.DuplicatedStudyError:
        raise name_taken(info.name) from None
    return optuna.load_study(study_name=info.name, storage=storage)


def check_study(
    study: optuna.Study, info: SearchInfo, facts: Mapping[str, Any], *, to_change: bool
) -> None:
    """Refuse a study whose directions are not those of its search, or that cannot be changed.

    Args:
        study: as Optuna has it.
        info: the search.
        facts: of the search, as they were stored.
        to_change: whether the search is to be changed.

    Raises:
        ConfigError: the directions or the sampler are not valid.
        UnreadableError: it is to be changed, and of a newer format.
    """
    found = [each.name.lower() for each in study.directions]
    if found != _directions(info.objectives):
        raise ConfigError([f"its directions are {', '.join(found)}"])
    written = newer(facts)
    if to_change and written is not None:
        raise UnreadableError(
            info.name, f"written by a newer version ({written}), which alone may change it"
        )
    if to_change and info.sampler not in SAMPLERS:
        raise ConfigError([f"sampler must be one of {', '.join(SAMPLERS)}, got {info.sampler!r}"])


def _directions(axes: Objectives) -> list[Literal["minimize", "maximize"]]:
    """Return the directions of score and cost in Optuna's words."""
    return [axes.score.direction, axes.cost.direction]


def search_names(storage_url: str) -> list[str]:
    """Return the names of the searches in a storage, oldest first."""
    return names_in(open_storage(storage_url))
