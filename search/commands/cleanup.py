"""`delete` and `gc`: a search gone everywhere, and checkpoints that nobody needs."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from pathlib import Path

from search.errors import RequestError
from search.store.home import Home, open_home
from search.store.lock import held, is_held
from search.trials import checkpoints
from search.trials.repository import SearchTrials, search_names


def delete(options: Namespace) -> None:
    """Remove a search from MLflow, from the home and, last, from the storage, after asking.

    Killed in between, it can be run again.

    Raises:
        RequestError: there is none of that name, it is being run, or nobody said yes.
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
    sys.stdout.write(f"deleted {options.name!r} and its {runs} runs in MLflow\n")


def confirm(question: str) -> None:
    """Ask on the terminal.

    Raises:
        RequestError: there is none to ask on, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise RequestError("--yes is needed where nobody can be asked")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise RequestError("nothing was deleted")


def collect(options: Namespace) -> None:
    """Remove the checkpoints of trials that are at their end and not on the front.

    Searches that are being run keep theirs; so do paused trials. Where no search is named and none
    is being run, the warm-ups that trials shared go as well.
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
    sys.stdout.write(f"freed {freed / 2**20:.1f} MiB\n")


def size(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
