"""`delete` and `gc`: deletion of a search, and of checkpoints that are no longer needed."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

from search.errors import RequestError, SearchFailedError, say
from search.store.home import Home, open_home
from search.store.lock import file_held, held, is_held, taken
from search.store.removal import Remover
from search.store.retrying_storage import check_changeable
from search.store.urls import check_store
from search.trials import checkpoints
from search.trials.repository import SearchTrials
from search.trials.stored_searches import StoredSearch, search_names
from swast.files import writable
from swast.printing import out


def delete(options: Namespace) -> None:
    """Remove a search from MLflow, from the home and, last, from the storage, after asking.

    If it is killed, the command can be repeated. The search need not be readable.

    Raises:
        RequestError: no search has that name, another process runs it, the user did not consent,
            or the home or the storage cannot be written to.
        SearchFailedError: some of its files cannot be removed; the search stays.
    """
    from search.tracking.delete import remove_search

    storage, home = open_home(options), Home.find(options.home)
    search = StoredSearch(storage, options.name)
    check_writable(home)
    check_changeable(storage)
    with alone_with(storage, options.name, home.search(options.name)):
        if not options.yes:
            confirm(f"delete {options.name!r}, {search.trials} trials, everywhere?")
        found = search.tracked
        uri = found.tracked_at(options.tracking_uri, home)
        runs = remove_search(uri, found) if is_usable(uri) else 0
        remover = Remover(home.path)
        remover.remove(home.search(options.name))
        check_removed(remover)
        search.delete()
    out(f"deleted {options.name!r} and its {runs} runs in MLflow")


def alone_with(storage: str, name: str, folder: Path) -> AbstractContextManager[None]:
    """Return the lock of a search to be deleted; none if its folder is a link, left unfollowed.

    Raises:
        RequestError: another process runs it.
    """
    if not folder.is_symlink():
        return held(storage, name, folder)
    if is_held(folder):
        raise taken(name)
    return nullcontext()


def is_usable(uri: str) -> bool:
    """Return whether an MLflow store can be opened; if not, print that its runs stay."""
    try:
        check_store("the MLflow store", uri, new=True)
    except RequestError as error:
        say(f"{error}; its runs there are left")
        return False
    return True


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

    Paused trials keep their checkpoints, as do searches that a process runs or that cannot be
    read. If no search is named and none is running, shared warm-ups are removed as well.

    Raises:
        RequestError: no search has the name, or the home cannot be written to.
        SearchFailedError: some files cannot be removed.
    """
    storage, home = open_home(options), Home.find(options.home)
    names = search_names(storage)
    check_writable(home)
    remover = Remover(home.path)
    if not options.name and not any(is_held(home.search(name)) for name in names):
        remover.remove(home.warmups)
    for name in [options.name] if options.name else names:
        try:
            collect_from(storage, name, home.search(name), remover)
        except RequestError as error:
            if options.name:
                raise
            say(f"{error}; its files stay")
    out(f"freed {remover.freed / 2**20:.1f} MiB")
    check_removed(remover)


def collect_from(storage: str, name: str, folder: Path, remover: Remover) -> None:
    """Remove the checkpoints of one search that are of no more use, unless a process runs it.

    Raises:
        RequestError: the search cannot be read or locked.
    """
    SearchTrials.load(storage, name, to_change=True)
    if folder.is_symlink() or not folder.is_dir() or is_held(folder):
        return
    with file_held(folder / "lock", taken(name)):
        trials = SearchTrials.load(storage, name, to_change=True)
        wanted = checkpoints.wanted(trials.estimated(), trials.info)
        checkpoints.sweep(remover, folder, wanted)


def check_writable(home: Home) -> None:
    """Refuse a home of which nothing can be removed.

    Raises:
        RequestError: naming the folder.
    """
    if not writable(home.path, folder=True):
        raise RequestError(f"{home.path} cannot be written to; nothing was removed")


def check_removed(remover: Remover) -> None:
    """Report what could not be removed.

    Raises:
        SearchFailedError: naming the first of it.
    """
    if remover.left:
        more = len(remover.left) - 1
        others = f" (and {more} more)" if more else ""
        raise SearchFailedError(f"{remover.left[0]}{others}")
