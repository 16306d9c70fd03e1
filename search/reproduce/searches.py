"""Searches that are part of a study of the paper: run in its process, stored with its results."""

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
from search.trials.stored_searches import search_names
from search.trials.totals import spent
from studies.outcomes import Found, Search
from swast.config import TrainConfig
from swast.files import JsonLines

if TYPE_CHECKING:
    from search.engine.tune import Workers

MANY = 100_000
"""Budget in trials; such a search ends by its budget of FLOPs."""


class KnownSearches:
    """Fronts of the searches of a study of the paper, in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._file = JsonLines(path)
        self._known: dict[Search, Found] = {}
        for values in self._file.read():
            wanted = Search(**values.pop("search"))
            front = tuple(TrainConfig.from_dict(each) for each in values.pop("front"))
            self._known[wanted] = Found(front, **values)

    def get(self, wanted: Search) -> Found | None:
        """Return the result of a search; None if it is not known."""
        return self._known.get(wanted)

    def add(self, wanted: Search, found: Found) -> None:
        """Store the result of a search."""
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
    """Run a search, or resume the one of its name, and return its result.

    Args:
        wanted: the search.
        request: its home, MLflow and GPUs.
        name: its name in the home.
        start: returns workers for the data of a configuration; Ray must be running.

    Raises:
        SearchFailedError: it was stopped, or no trial finished.
    """
    request = request_of(wanted, request, name)
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


def request_of(wanted: Search, request: Request, name: str) -> Request:
    """Return the request to start a search, or to resume it if it is in the home."""
    home = Home.find(request.home)
    file = sqlite_file(home.storage)
    begun = file is not None and file.exists() and name in search_names(home.storage)
    new = {"name": name, "study": wanted.space, "seed": wanted.seed}
    old = {"resume": name, "sampler": None}
    return dataclasses.replace(
        request,
        **(old if begun else new),
        budget=MANY,
        flops_budget=float(wanted.flops),
        separate_warmups=True,
    )
