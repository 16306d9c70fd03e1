"""Locks that let one process at a time run a search."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from search.errors import RequestError
from search.store.urls import shown, sqlite_file
from swast.errors import cut
from swast.files import lock as lock_file

SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags that open no link, and wait for nobody if the file is a pipe."""
LOOK_SECONDS = 10.0
"""Time between two checks of a lock in a server."""


@contextmanager
def held(url: str, name: str, folder: Path, look: float = LOOK_SECONDS) -> Iterator[None]:
    """Lock a search for this process; the lock is released when the process ends.

    Two things are locked: the search's folder, and the search in its database, which other homes
    and machines may use. In PostgreSQL that is an advisory lock; for SQLite it is a lock file in
    the home to which the database belongs. Other databases are not locked. The search need not
    exist yet.

    Args:
        url: of the search database.
        name: of the search.
        folder: of the search's files; created if missing.
        look: seconds between two checks of a server's lock.

    Raises:
        RequestError: another process has the lock, or the server cannot be reached.
    """
    database = sqlite_file(url)
    with ExitStack() as stack:
        stack.enter_context(file_held(folder / "lock", taken(name)))
        if database is not None:
            place = database.resolve().parent / "searches" / name
            lock = place / f"{database.resolve().name}.lock"
            stack.enter_context(file_held(lock, taken(name)))
        elif url.startswith("postgresql"):
            stack.enter_context(_advisory_lock(url, name, look))
        yield


def is_held(folder: Path) -> bool:
    """Return whether a process runs a search, on this machine or on one that shares its files.

    A lock that may not be read counts as held.

    Args:
        folder: of the search's files.
    """
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | SAFELY)
    except PermissionError:
        return True
    except OSError:
        return False
    try:
        return not lock_file(descriptor, shared=True)
    except OSError:
        return False  # files cannot be locked here
    finally:
        os.close(descriptor)


@contextmanager
def file_held(path: Path, refusal: RequestError) -> Iterator[None]:
    """Lock a file for this process; create it with its folder, and leave it there.

    Raises:
        RequestError: the given refusal, if another process has the lock; or the file cannot be
            created or locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(path)
    except OSError as error:
        raise RequestError(f"{path} cannot be written to: {error.strerror}") from None
    try:
        try:
            is_ours = lock_file(descriptor)
        except OSError as error:
            raise RequestError(f"{path} cannot be locked: {error.strerror}") from None
        if not is_ours:
            raise refusal
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open a file to be locked; create it if it is missing. A folder in its place serves, too."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | SAFELY, 0o666)
    except IsADirectoryError:
        return os.open(path, os.O_RDONLY | SAFELY)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait for the lock of an existing folder, and hold it; write nothing into the folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        lock_file(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _advisory_lock(url: str, name: str, look: float) -> Iterator[None]:
    """Hold an advisory lock of PostgreSQL, which exists as long as its connection.

    A thread uses the connection now and then, since idle ones may be cut. After a restart of the
    server it takes the lock again; until then another process could take the search.
    """
    try:
        connection = _locked(url, name)
    except (SQLAlchemyError, ImportError) as error:
        cause = cut(str(getattr(error, "orig", None) or error).strip().splitlines()[0])
        raise RequestError(f"the search database {shown(url)} cannot be used: {cause}") from None
    if connection is None:
        raise taken(name)
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(url, name, connection, ended, look), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def _keep(
    url: str, name: str, connection: Connection | None, ended: threading.Event, look: float
) -> None:
    """Check a lock until the event, take it again if it was lost, and release it at the end."""
    while not ended.wait(look):
        try:
            if connection is None:
                connection = _locked(url, name)
            else:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            _close(connection)
            connection = None
    _close(connection)


def _locked(url: str, name: str) -> Connection | None:
    """Return a connection with the lock; None if another process has the lock."""
    engine = create_engine(
        url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
    )
    connection = engine.connect()
    try:
        # With these the server releases the lock of a vanished machine within a minute.
        for setting, value in [("idle", 30), ("interval", 10), ("count", 3)]:
            connection.execute(text(f"SET tcp_keepalives_{setting} = {value}"))
        query = text("SELECT pg_try_advisory_lock(:key)")
        if connection.execute(query, {"key": _key(name)}).scalar():
            return connection
    except SQLAlchemyError:
        _close(connection)
        raise
    _close(connection)
    return None


def _close(connection: Connection | None) -> None:
    """Close a connection, even one that the server has cut."""
    if connection is not None:
        with suppress(SQLAlchemyError):
            connection.close()


def _key(name: str) -> int:
    """Return the number of a search's lock within one database of PostgreSQL."""
    digest = hashlib.sha256(f"swast-search {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def taken(name: str) -> RequestError:
    """Return the error for a search that another process runs."""
    return RequestError(f"search {name!r} is being run by another process")
