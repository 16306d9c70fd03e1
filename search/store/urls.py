"""URLs of databases and servers: their files, their printed form, and checks of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from search.errors import RequestError
from swast.files import writable

HIDDEN = "***"
"""Text shown in place of a password."""


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite URL, without its options; None for other databases."""
    name = url.removeprefix("sqlite:///").partition("?")[0]
    return Path(name) if url.startswith("sqlite:///") else None


def shown(url: str) -> str:
    """Return a URL to print: without the password that a server's URL may contain."""
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
    """Refuse a store that cannot be used; create nothing.

    Args:
        what: the name of the store in the message.
        url: of a database or server; SQLite's file is opened, servers are not contacted.
        new: whether a missing file is right, since it will be created.

    Raises:
        RequestError: with the name and the reason.
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
    """Return the reason why a file is no SQLite database; None if it is one.

    The file is opened for writing if that is allowed. After a writer was killed, SQLite rolls its
    half-written changes back when the file is next opened, which needs write access.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as database:
            database.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        return str(error)
    return None
