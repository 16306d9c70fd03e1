"""Who runs a search: one process alone, wherever others look from."""

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
from swast.files import lock as lock_file

LOOK_SECONDS = 10.0
"""From one look at a lock in a server to the next."""


@contextmanager
def held(url: str, name: str, folder: Path, look: float = LOOK_SECONDS) -> Iterator[None]:
    """Hold a search for this process alone; the lock goes with the process.

    The search's folder is held, and the search in its database, which other homes and other
    machines may use: PostgreSQL by an advisory lock, SQLite by a file where its own home would
    have one. The search need not exist yet. For other databases the folder is all that is held.

    Args:
        url: of the search database.
        name: of the search.
        folder: of the search's files; made if there is none.
        look: seconds from one look at a server's lock to the next.

    Raises:
        RequestError: another process holds it, or the server cannot be reached.
    """
    database = sqlite_file(url)
    with ExitStack() as stack:
        stack.enter_context(file_held(folder / "lock", _taken(name)))
        if database is not None:
            place = database.resolve().parent / "searches" / name
            lock = place / f"{database.resolve().name}.lock"
            stack.enter_context(file_held(lock, _taken(name)))
        elif url.startswith("postgresql"):
            stack.enter_context(_advisory_lock(url, name, look))
        yield


def is_held(folder: Path) -> bool:
    """Whether a process on this machine, or one that shares its files, runs a search.

    Args:
        folder: of the search's files.
    """
    path = folder / "lock"
    if not path.exists():
        return False
    with path.open() as file:
        return not lock_file(file, shared=True)


@contextmanager
def file_held(path: Path, refusal: RequestError) -> Iterator[None]:
    """Hold a file for this process alone; it is made with its folder, and stays.

    Raises:
        RequestError: the refusal, where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if not lock_file(file):
            raise refusal
        yield


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for a folder; nothing is left in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        lock_file(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _advisory_lock(url: str, name: str, look: float) -> Iterator[None]:
    """A lock of PostgreSQL, which goes with its connection, and is taken again after a restart.

    A thread looks after it, since a connection on which nothing is said may be cut on the way.
    Between the loss and the next look another process could take the search.
    """
    try:
        connection = _locked(url, name)
    except (SQLAlchemyError, ImportError) as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise RequestError(f"the search database {shown(url)} cannot be used: {cause}") from None
    if connection is None:
        raise _taken(name)
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
    """Look after a lock until the block that holds it has ended, then let it go."""
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
    """A connection that holds the lock, or None where another does."""
    engine = create_engine(
        url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
    )
    connection = engine.connect()
    try:
        # So that the server lets go of the lock of a machine that has vanished in a minute.
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
    """Close a connection, also one that the server has cut."""
    if connection is not None:
        with suppress(SQLAlchemyError):
            connection.close()


def _key(name: str) -> int:
    """The number under which PostgreSQL knows a search's lock, within one database."""
    digest = hashlib.sha256(f"swast-search {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _taken(name: str) -> RequestError:
    return RequestError(f"search {name!r} is being run by another process")
