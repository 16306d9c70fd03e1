"""URLs of databases and servers: the file behind one, how to print one, whether it can be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from search.errors import RequestError
from swast.files import writable

HIDDEN = "***"
"""What is shown in place of a password."""


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite URL, whatever options follow it; None for others and servers."""
    name = url.removeprefix("sqlite:///").partition("?")[0]
    return Path(name) if url.startswith("sqlite:///") else None


def shown(url: str) -> str:
    """A URL as it may be printed: without the password that a server's may carry."""
    if sqlite_file(url) is not None or ("@" not in url and "password" not in url):
        return url
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return f"…@{url.rpartition('@')[2]}"
    secret = [name for name in parsed.query if "password" in name]
    return parsed.difference_update_query(secret).render_as_string(hide_password=True)


def check_store(what: str, url: str, *, new: bool) -> None:
    """Refuse a store that cannot be used, as far as that can be told without making anything.

    Args:
        what: to call it in the message.
        url: of a database or server; of SQLite, the file is looked at.
        new: whether one that does not exist yet will be made.

    Raises:
        RequestError: naming it and the reason.
    """
    path, reason = sqlite_file(url), None
    if "://" not in url or url.startswith("file:"):
        reason = "it must be a URL as sqlite:///FILE, postgresql+psycopg://… or http://…"
    elif path is not None and path.exists():
        reason = _damage(path)
    elif path is not None and not new:
        reason = "there is no such file"
    elif path is not None and not writable(path, folder=False):
        reason = "it cannot be written to"
    if reason:
        raise RequestError(f"{what} {shown(url)} cannot be used: {reason}")


def _damage(path: Path) -> str | None:
    """Why a file is no SQLite database, or None if it is one.

    It is opened for writing where that is allowed, since what a killed writer has left half done
    is undone by whoever opens the file next, and is an error to those who may only read.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as database:
            database.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        return str(error)
    return None
