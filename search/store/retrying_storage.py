"""Optuna's storage, which retries its operations while the database is unavailable."""

from __future__ import annotations

import functools
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from json import JSONDecodeError
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
    SQLAlchemyError,
)

from search.errors import DamagedDatabaseError, RequestError, SearchFailedError, say
from search.store.tolerant_storage import Connection, TolerantStorage
from search.store.urls import check_store, shown, sqlite_file
from swast.errors import cut
from swast.files import writable

PATIENCE_SECONDS = 120.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
UNUSABLE = (SQLAlchemyError, StorageInternalError, RuntimeError, ImportError, ValueError, OSError)
"""Errors that opening a storage may raise."""
LIBPQ = {
    "connect_timeout": 3,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Timeouts of PostgreSQL's client, in seconds except for the last, in milliseconds."""

NO_JSON = "the search database failed: a value in it is damaged"
LASTING = ("no such table", "no such column", "table ", "attempt to write a readonly database")
"""Beginnings of SQLite's messages that waiting does not change."""

Result = TypeVar("Result")


def open_storage(url: str, patience: float = PATIENCE_SECONDS) -> RetryingStorage:
    """Open Optuna's storage at a URL.

    Opening is not retried, since the URL may be wrong; every later operation is.

    Args:
        url: of the database; its tables are created if missing.
        patience: seconds for which a failing operation is retried.

    Raises:
        RequestError: it cannot be opened, or holds something else.
    """
    check_store("the search database", url, new=True)
    path = sqlite_file(url)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        return _opened(url, patience)
    except UNUSABLE as error:
        if isinstance(error, ImportError) and url.startswith("postgresql"):
            cause = "its driver is missing: pip install 'swast[postgres]'"
        else:
            cause = _cause(error)
        raise RequestError(f"the search database {shown(url)} cannot be used: {cause}") from None


def check_changeable(url: str) -> None:
    """Refuse an SQLite database that this process may only read; write nothing.

    Raises:
        RequestError: with the reason.
    """
    path = sqlite_file(url)
    if path is None:
        return
    reason = None if writable(path.parent, folder=True) else "its folder cannot be written to"
    try:
        with closing(sqlite3.connect(path, timeout=0.0)) as database:
            database.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        # A database that is locked can be written to soon.
        reason = reason or (None if "locked" in str(error) else str(error))
    if reason:
        raise RequestError(f"the search database {shown(url)} cannot be changed: {reason}")


def _opened(url: str, patience: float) -> RetryingStorage:
    """Open the storage; retry if other processes create its tables at the same moment."""
    for _ in range(3):
        try:
            return RetryingStorage(url, patience)
        except (IntegrityError, ProgrammingError):
            time.sleep(FIRST_PAUSE)
    return RetryingStorage(url, patience)


class RetryingStorage(TolerantStorage):
    """Optuna's storage, which retries operations while the database is away, locked or full.

    The first retry prints a line on the error stream, and so does the first success after it.
    After an operation has failed for the whole patience, later ones fail at once until one
    succeeds: a search that ends settles many trials, and has to wait only once.

    Args:
        url: of the database.
        patience: seconds for which an operation is retried.
    """

    def __init__(self, url: str, patience: float) -> None:
        self._patience, self._given_up = patience, False
        # Optuna fills in a template: braces in the URL are escaped.
        super().__init__(url.replace("{", "{{").replace("}", "}}"), _engine_options(url))

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set a trial's state; succeed if a lost attempt of this call has set it already.

        No other process can have set it: one driver alone runs a search (`search.store.lock`).
        """
        attempts = itertools.count()

        def attempt() -> bool:
            repeated = next(attempts) > 0
            if repeated and TolerantStorage.get_trial(self, trial_id).state == state:
                return True
            return super(RetryingStorage, self).set_trial_state_values(trial_id, state, values)

        return self._retried(attempt)

    def _retried(self, operation: Callable[[], Result]) -> Result:
        """Return the result of an operation; retry it while the database is unavailable.

        Raises:
            SearchFailedError: the patience is over, or a retry would not help.
        """
        began, announced = time.monotonic(), False
        for pause in _pauses():
            try:
                result = operation()
            except (JSONDecodeError, TypeError) as error:
                raise DamagedDatabaseError(NO_JSON) from error
            except (SQLAlchemyError, StorageInternalError) as error:
                self._check_patience(error, time.monotonic() - began + pause)
                if not announced:
                    again = f"trying again for {self._patience:g} s"
                    say(f"the search database cannot be used: {_cause(error)}; {again}")
                announced = True
                self.remove_session()
                time.sleep(pause)
            else:
                if announced:
                    waited = time.monotonic() - began
                    say(f"the search database can be used again after {waited:.0f} s")
                self._given_up = False
                return result
        raise AssertionError  # pauses never end

    def _check_patience(self, error: Exception, waited: float) -> None:
        """Raise if a retry would not help, or if the patience is over."""
        if not _may_pass(error):
            raise DamagedDatabaseError(f"the search database failed: {_cause(error)}") from None
        if self._given_up or waited > self._patience:
            self._given_up = True
            raise SearchFailedError(
                f"the search database could not be used for {self._patience:g} s: "
                f"{_cause(error)}; no trial that had ended is lost, and --resume continues later"
            ) from None


def _retrying(name: str) -> Any:  # noqa: ANN401
    """Return a method of Optuna's storage that is retried while the database is unavailable.

    A retry is safe even if the first attempt was committed and only its answer was lost. Writing
    attributes and parameters is idempotent. A trial that is created twice leaves an extra one,
    RUNNING without a configuration; `SearchTrials.orphans` finds it when the search is resumed.
    (Optuna itself retries this operation, with the same effect.) Creating a study twice fails the
    second time; the incomplete study is deleted at the next start.
    """
    method = getattr(TolerantStorage, name)

    @functools.wraps(method)
    def repeated(self: RetryingStorage, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return self._retried(functools.partial(method, self, *args, **kwargs))

    return repeated


CACHED = {"_create_new_trial", "_get_best_trial_id", "_get_trials", "_set_trial_param"}
"""Methods that Optuna's cache calls besides a storage's public ones."""
OWN = {"stored_studies", "rename_study"}
"""Methods that Optuna's storage does not have."""
OPERATIONS = BaseStorage.__abstractmethods__ | CACHED
for _name in (OPERATIONS | OWN) - {"set_trial_state_values"}:
    setattr(RetryingStorage, _name, _retrying(_name))


def _engine_options(url: str) -> dict[str, Any]:
    """Return options of the connection; to servers, connections are tested before reuse."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return {"connect_args": {"factory": Connection}}
    options: dict[str, Any] = {"pool_pre_ping": True}
    if parsed.get_backend_name() == "postgresql" and "psycopg" in parsed.get_driver_name():
        given = parsed.query
        options["connect_args"] = {key: LIBPQ[key] for key in LIBPQ if key not in given}
    return options


def _may_pass(error: Exception) -> bool:
    """Return whether a retry may help: the database is away, locked or full."""
    origin = _origin(error)
    lost = isinstance(origin, DBAPIError) and origin.connection_invalidated
    if isinstance(origin, OperationalError) and str(origin.orig).startswith(LASTING):
        return False
    return lost or isinstance(origin, (OperationalError, InterfaceError))


def _cause(error: BaseException) -> str:
    """Return the first line of the database's own message."""
    origin = _origin(error)
    message = str(getattr(origin, "orig", None) or origin).strip()
    return cut(message.splitlines()[0]) if message else type(origin).__name__


def _origin(error: BaseException) -> BaseException:
    """Return the error of the database that Optuna or SQLAlchemy wrapped in another."""
    origin = (error.__cause__ if isinstance(error, StorageInternalError) else None) or error
    if isinstance(origin, PendingRollbackError):
        # Optuna has tried another query in a transaction whose connection was lost.
        return origin.__context__ or origin
    return origin


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait before each retry."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)
