"""Searches that a study of the paper asks for: run in its process, kept among its results."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from search.driver import launch, prepare
from search.driver.prices import unit_of
from search.driver.request import Request
from search.errors import SearchFailedError
from search.store.home import Home
from search.store.lock import held
from search.store.urls import sqlite_file
from search.trials.repository import search_names
from search.trials.trial_record import spent
from studies.outcomes import Found, Search
from swast.config import TrainConfig
from swast.files import JsonLines

if TYPE_CHECKING:
    from search.engine.tune import Workers

MANY = 100_000
"""Trials: what ends such a search is its budget of FLOPs."""


class KeptSearches:
    """Searches of a study of the paper in a file of JSON lines, and the fronts they found."""

    def __init__(self, path: Path) -> None:
        self._file = JsonLines(path)
        self._known: dict[Search, Found] = {}
        for values in self._file.read():
            wanted = Search(**values.pop("search"))
            front = tuple(TrainConfig.from_dict(each) for each in values.pop("front"))
            self._known[wanted] = Found(front, **values)

    def get(self, wanted: Search) -> Found | None:
        """What a search found, if that is known."""
        return self._known.get(wanted)

    def add(self, wanted: Search, found: Found) -> None:
        """Write down what a search found, for good."""
        values = {
            "search": dataclasses.asdict(wanted),
            "front": [config.to_dict() for config in found.front],
            "spent": found.spent,
            "trials": found.trials,
            "sampler": found.sampler,
        }
        self._file.append([values])
        self._known[wanted] = found


def find(
    wanted: Search, request: Request, name: str, start: Callable[[TrainConfig], Workers]
) -> Found:
    """Run a search on a Ray that runs, or go on with the one of its name.

    Args:
        wanted: the search.
        request: where it is made and told, and with how many GPUs.
        name: its name in the home.
        start: gives the workers for what all its trials are built on.

    Raises:
        SearchFailedError: it gave nothing, or was stopped.
    """
    request = asked(wanted, request, name)
    home = Home.find(request.home)
    info = prepare.choose_search(request, home, request.gpus or 0)
    with held(home.storage, name, home.search(name)):
        workers = start(info.study.fixed)
        info = dataclasses.replace(info, unit=unit_of(info.study, workers.data))
        trials = launch.open_trials(request, home, info)
        result = launch.search(request, home, trials, workers)
    if result.interrupted or result.end != "finished":
        raise SearchFailedError(f"search {name} was stopped or found nothing")
    front = tuple(each.config for each in result.front if each.config is not None)
    trained = [each for each in result.trials if not each.rejected]
    return Found(front, spent(result.trials), len(trained), info.sampler)


def asked(wanted: Search, request: Request, name: str) -> Request:
    """The request for a search: to begin it, or to resume it where its home has it."""
    home = Home.find(request.home)
    file = sqlite_file(home.storage)
    begun = file is not None and file.exists() and name in search_names(home.storage)
    return dataclasses.replace(
        request,
        resume=name if begun else None,
        name=None if begun else name,
        study=None if begun else wanted.space,
        seed=wanted.seed,
        budget=MANY,
        flops_budget=float(wanted.flops),
        separate_warmups=True,
    )
