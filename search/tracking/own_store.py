"""The home's own MLflow store: its version, and the place of its artifacts.

A home may be moved, copied, or opened by another version of MLflow. Its store holds absolute
locations of artifacts; they are rewritten when it is opened in another place.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mlflow
import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _get_latest_schema_revision, _upgrade_db
from mlflow.tracking._tracking_service import utils

from search.store.home import Home
from search.store.lock import alone_in
from search.store.urls import sqlite_file, sqlite_url

LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of the store with locations of artifacts."""
SCHEMA = re.compile(r"out-of-date database schema \(found version (\w+), but expected \w+\)")
"""MLflow's message about a store of another version."""
FOLDER = "mlartifacts"
BESIDE = (FOLDER, "searches", "optuna.db")
"""What lies beside the store in a home."""


def home_of(uri: str) -> Home | None:
    """Return the home whose own store is at a URI; None for other stores."""
    path = sqlite_file(uri)
    if path is None or not any((path.parent / name).exists() for name in BESIDE):
        return None
    home = Home(path.absolute().parent)
    return home if home.owns(uri) else None


def wrong_version(error: BaseException) -> str | None:
    """Return what to do about a store of another version of MLflow; None for other errors."""
    found = SCHEMA.search(str(error)) if isinstance(error, MlflowException) else None
    if found is None:
        return None
    installed = f"the installed one, {mlflow.__version__}"
    if is_known(found[1]):
        remedy = "back it up, then run `mlflow db upgrade URL`"
        return f"an MLflow older than {installed} made it; {remedy}"
    return f"an MLflow newer than {installed} made it; pip install --upgrade mlflow"


def is_known(revision: str) -> bool:
    """Return whether the installed MLflow can upgrade a store of a revision."""
    folder = files("mlflow") / "store" / "db_migrations" / "versions"
    return any(each.name.startswith(f"{revision}_") for each in folder.iterdir())


def upgrade(home: Home) -> None:
    """Upgrade a home's own store that an older MLflow made.

    A copy of the old store is kept beside it. The upgrade is made in another copy, which is
    written back when it is complete.
    """
    path = home.path / "mlflow.db"
    with closing(sqlite3.connect(path, timeout=5)) as database:
        revision = _revision(database)
    if revision is None or revision == _get_latest_schema_revision() or not is_known(revision):
        return
    partial = path.with_name(f".{path.name}.partial")
    with alone_in(home.path):
        partial.unlink(missing_ok=True)
        copy(path, path.with_name(f"{path.name}.{revision}"))
        copy(path, partial)
        engine = sqlalchemy.create_engine(sqlite_url(partial))
        try:
            _upgrade_db(engine)
        finally:
            engine.dispose()
        copy(partial, path)
        partial.unlink()


def _revision(database: sqlite3.Connection) -> str | None:
    """Return the revision of a store; None if it has none."""
    try:
        row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    return str(row[0]) if row else None


def copy(source: Path, target: Path) -> None:
    """Copy an SQLite database into another, in one transaction."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def place_artifacts(home: Home) -> None:
    """Rebase the locations in a home's own store on this home, if the store can be written."""
    path = home.path / "mlflow.db"
    with (
        closing(sqlite3.connect(path, timeout=5)) as database,
        suppress(sqlite3.OperationalError),
        database,
    ):
        if _rebase(database, home):
            utils._artifact_repos_cache.clear()  # by run, with the place of before


def _rebase(database: sqlite3.Connection, home: Home) -> bool:
    """Rewrite locations that were made while the home was elsewhere; return whether any was."""
    moved = list(_moved(database, home))
    for old in moved:
        new = home.artifacts.as_uri()
        for table, column in LOCATIONS:
            if column in _columns(database, table):
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                )
    return bool(moved)


def _moved(database: sqlite3.Connection, home: Home) -> Iterator[str]:
    """Yield the folders of artifacts, as URIs, that belong to this home and are elsewhere.

    A folder elsewhere is this home's if its experiment has a folder here, or if it is gone.
    """
    here = home.artifacts.as_uri()
    found = database.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    seen = set()
    for (location,) in found:
        place, _, study = str(location or "").rpartition("/")
        if not place.startswith("file:") or not place.endswith(f"/{FOLDER}") or place == here:
            continue
        old = Path(unquote(urlsplit(place).path))
        is_here = (home.artifacts / unquote(study)).is_dir()
        if place not in seen and (is_here or not (old / unquote(study)).is_dir()):
            seen.add(place)
            yield place


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of a table's columns; none if there is no such table."""
    return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
