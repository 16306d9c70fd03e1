"""URLs of databases and servers: their files, their printed form, and checks of them."""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from search.errors import RequestError
from swast.errors import cut, printable
from swast.files import writable

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
"""Form of the part of a URL before ``://``; anything else there may be a password."""
HIDDEN = "***"
"""Text shown in place of a password."""
SECRET = re.compile(r"password|passwd|pwd|token|secret|key", re.IGNORECASE)
"""Names of a URL's options that hold secrets."""
SECRET_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD")
FORMS = "sqlite:///FILE or postgresql+psycopg://user:password@host/database"
WEB = ("http", "https")
DRIVERS = {
    "postgresql": ("psycopg2", "write postgresql+psycopg://…, for which swast[postgres] is made"),
    "postgresql+psycopg2": ("psycopg2", "write postgresql+psycopg://…"),
    "postgresql+psycopg": ("psycopg", "pip install 'swast[postgres]'"),
    "mysql": ("MySQLdb", "pip install pymysql, and write mysql+pymysql://…"),
    "mysql+pymysql": ("pymysql", "pip install pymysql"),
}
"""The module that a scheme needs, and what to do if it is missing."""
DATABASES = ("sqlite", "postgresql", "mysql", "mariadb", "mssql", "oracle")


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite file, whatever characters its path has.

    MLflow creates the folder that it reads from a URL that begins with ``sqlite:///``, without
    decoding it. A quoted path therefore names the driver as well.
    """
    url = URL.create("sqlite", database=str(path))
    plain = url.render_as_string(hide_password=False)
    if plain == f"sqlite:///{path}":
        return plain
    return url.set(drivername="sqlite+pysqlite").render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite URL, without its options; None for other databases."""
    if not url.startswith("sqlite"):
        return None
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def is_server(uri: str) -> bool:
    """Return whether a URI is that of a web server."""
    return uri.startswith(tuple(f"{scheme}://" for scheme in WEB))


def is_loopback(uri: str) -> bool:
    """Return whether a URL's host is this machine."""
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return False
    return host in ("localhost", "::1") or host.startswith("127.")


def secrets_of(url: str) -> set[str]:
    """Return the secrets that a URL contains, quoted and as they are."""
    authority = url.partition("://")[2]
    login, at, _ = authority.partition("?")[0].rpartition("@")
    found = {login.partition(":")[2]} if at else set()
    for pair in authority.partition("?")[2].partition("#")[0].split("&"):
        name, _, value = pair.partition("=")
        if SECRET.search(name):
            found.add(value)
    quoted = {quote(each, "", errors="replace") for each in found}
    return {form for form in found | quoted | set(map(unquote, found)) if form}


def shown(url: str) -> str:
    """Return a URL to print, without the secrets that a server's URL may contain."""
    if not ("?" in url or ("@" in url and sqlite_file(url) is None)):
        return url
    try:
        parsed = make_url(url)
        secret = [name for name in parsed.query if SECRET.search(name)]
        clean = parsed.difference_update_query(secret).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return f"…@{url.rpartition('@')[2].partition('?')[0]}"
    place = f"{parsed.host}/{parsed.database or ''}"
    return f"…@{place.rpartition('@')[2]}" if "@" in place else clean


def scrubbed(text: str, url: str) -> str:
    """Return a message without the secrets of a URL and of the environment, on one line."""
    known = secrets_of(url) | {os.environ[name] for name in SECRET_VARIABLES if name in os.environ}
    for secret in sorted(filter(None, known), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return printable(text)


def check_store(what: str, url: str, *, new: bool, web: bool = False, remedy: str = "") -> None:
    """Refuse a store that cannot be used; create nothing.

    Args:
        what: the name of the store in the message.
        url: of a database or server; SQLite's file is opened, servers are not contacted.
        new: whether a missing file is right, since it will be created.
        web: whether it may be a web server.
        remedy: what to do about a damaged file.

    Raises:
        RequestError: with the name and the reason.
    """
    path, reason = sqlite_file(url), _wrong_form(url, web=web)
    if reason is None and path is not None:
        reason = _unusable_file(path, remedy, new=new)
    if reason:
        raise RequestError(f"{what} {printable(shown(url))} cannot be used: {reason}")


def _unusable_file(path: Path, remedy: str, *, new: bool) -> str | None:
    """Return the reason why an SQLite file cannot be used; None if it can."""
    try:
        is_there = path.exists()
    except OSError as error:
        return error.strerror
    if is_there:
        damage = _damage(path)
        return f"{damage}; {remedy}" if damage and remedy else damage
    if not new:
        return "there is no such file"
    return None if writable(path, folder=False) else "it cannot be written to"


def _wrong_form(url: str, *, web: bool) -> str | None:
    """Return the fault in the form of a URL, and the right form; None if it has no fault."""
    scheme, separator, rest = url.partition("://")
    right = f"it must be a URL as {FORMS}" + (", or http://host:5000" if web else "")
    if not separator or not SCHEME.fullmatch(scheme):
        return right
    if scheme == "file" or (scheme in WEB and not web):
        return right
    if scheme != scheme.lower():
        return f"the scheme of a URL is in lower case: {scheme.lower()}://…"
    return _wrong_authority(rest) if scheme in WEB else _wrong_database(url, scheme, right)


def _wrong_database(url: str, scheme: str, right: str) -> str | None:
    """Return the fault in the URL of a database, and the right form; None if it has no fault."""
    if scheme == "postgres":
        return "write postgresql+psycopg://… in place of postgres://…"
    if scheme.partition("+")[0] not in DATABASES:
        return f"{scheme!r} is no database that it can be in; {right}"
    if scheme.startswith("sqlite"):
        return None if sqlite_file(url) else "write sqlite:///FILE, or sqlite:////FOLDER/FILE"
    module, remedy = DRIVERS.get(scheme, ("sqlalchemy", ""))
    if importlib.util.find_spec(module) is None:
        return f"its driver is missing, the module {module}: {remedy}"
    return _wrong_authority(url.partition("://")[2], needs_host=False)


def _wrong_authority(rest: str, *, needs_host: bool = True) -> str | None:
    """Return the fault in user, password, host and port of a URL; None if they have none."""
    authority, path = re.split(r"[/?#]", rest)[0], rest.partition("?")[0]
    unquoted = "quote special characters of its user and password, as %40 for @ and %2F for /"
    login, _, host = authority.rpartition("@")
    if "@" in login or (login and "@" in path.removeprefix(authority)):
        return unquoted
    if not needs_host and not login and path.count("@") == 1:
        return None  # a slash in the password, which SQLAlchemy understands
    try:
        name, port = urlsplit(f"//{host}").hostname, urlsplit(f"//{host}").port
    except ValueError:
        port = 0
    if port == 0:
        wrong = f"its port must be a number from 1 to 65535, got {host!r}"
        return unquoted if "@" in rest and not login else wrong
    if needs_host and not name:
        return "it names no host; write http://host:5000"
    return None


def _damage(path: Path) -> str | None:
    """Return the reason why a file is no SQLite database; None if it is one.

    The file is opened for writing if that is allowed. After a writer was killed, SQLite rolls its
    half-written changes back when the file is next opened, which needs write access.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as database:
            database.execute("PRAGMA schema_version")
            (pages,) = database.execute("PRAGMA page_count").fetchone()
            (size,) = database.execute("PRAGMA page_size").fetchone()
    except UnicodeDecodeError:
        return "database disk image is malformed: its schema is no text"
    except sqlite3.Error as error:
        return cut(printable(str(error)))
    if path.stat().st_size < pages * size:
        return "database disk image is malformed: its end is missing"
    return None
