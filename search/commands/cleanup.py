"""`delete` and `gc`: deletion of a search, and of checkpoints that are no longer needed."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from search.errors import RequestError
from search.store.home import Home, open_home
from search.store.lock import held, is_held
from search.trials import checkpoints
from search.trials.repository import SearchTrials, search_names
from swast.printing import out


def delete(options: Namespace) -> None:
    """Remove a search from MLflow, from the home and, last, from the storage, after asking.

    If it is killed, the command can be repeated.

    Raises:
        RequestError: no search has that name, another process runs it, or the user did not
            consent.
    """
    from search.tracking.delete import remove_search

    storage, home = open_home(options), Home.find(options.home)
    trials = SearchTrials.load(storage, options.name)
    folder = home.search(options.name)
    with held(storage, options.name, folder):
        if not options.yes:
            confirm(f"delete {options.name!r}, {len(trials.records())} trials, everywhere?")
        runs = remove_search(trials.info.tracked_at(options.tracking_uri, home), trials.info)
        shutil.rmtree(folder, ignore_errors=True)
        trials.delete()
    out(f"deleted {options.name!r} and its {runs} runs in MLflow")


def confirm(question: str) -> None:
    """Ask the user on the terminal.

    Raises:
        RequestError: there is no terminal, or the answer is no.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise RequestError("--yes is needed without a terminal to ask on")
    answer = ""
    with suppress(EOFError):
        answer = input(f"{question} [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise RequestError("nothing was deleted")


def collect(options: Namespace) -> None:
    """Remove the checkpoints of trials that have ended and are not on the front.

    Paused trials keep their checkpoints, as do searches that a process runs. If no search is named
    and none is running, shared warm-ups are removed as well.
    """
    storage, home = open_home(options), Home.find(options.home)
    freed, names = 0, search_names(storage)
    if not options.name and not any(is_held(home.search(name)) for name in names):
        freed += size(home.warmups)
        shutil.rmtree(home.warmups, ignore_errors=True)
    for name in [options.name] if options.name else names:
        trials, folder = SearchTrials.load(storage, name), home.search(name)
        if not is_held(folder):
            before = size(folder)
            wanted = checkpoints.wanted(trials.records(), trials.info.objectives)
            checkpoints.sweep(folder, wanted)
            freed += before - size(folder)
    out(f"freed {freed / 2**20:.1f} MiB")


def size(folder: Path) -> int:
    """Return the bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
