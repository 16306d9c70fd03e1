"""Where searches are kept: Optuna's storage at a URL, patient while its database is away."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import optuna
from optuna.exceptions import StorageInternalError
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

from search.errors import RequestError, SearchFailedError, say
from search.store.urls import check_store, shown, sqlite_file

PATIENCE_SECONDS = 120.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
UNUSABLE = (SQLAlchemyError, StorageInternalError, RuntimeError, ImportError, ValueError, OSError)
"""What opening a storage may raise."""
LIBPQ = {
    "connect_timeout": 3,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How soon a PostgreSQL that does not answer counts as away: seconds, and milliseconds at last."""

Result = TypeVar("Result")


def open_storage(url: str, patience: float = PATIENCE_SECONDS) -> PatientStorage:
    """Optuna's storage at a URL.

    Opening waits for nothing, since the URL may be wrong; every later operation is patient.

    Args:
        url: of the database; one that has no tables yet gets them.
        patience: seconds for which an operation that fails is repeated.

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


def _opened(url: str, patience: float) -> PatientStorage:
    """The storage; where others make its tables at the same moment, it looks again."""
    for _ in range(3):
        try:
            return PatientStorage(url, patience)
        except (IntegrityError, ProgrammingError):
            time.sleep(FIRST_PAUSE)
    return PatientStorage(url, patience)


class PatientStorage(optuna.storages.RDBStorage):
    """Optuna's storage, whose operations are repeated while the database is away, locked or full.

    The first repetition says so on the error stream, and so does the first success after it.
    Once patience is exhausted, operations fail at once until one succeeds again: a search
    that ends has many trials to settle, and waits once for all of them.

    Args:
        url: of the database.
        patience: seconds for which an operation is repeated.
    """

    def __init__(self, url: str, patience: float) -> None:
        self._patience, self._given_up = patience, False
        # Optuna takes braces in a URL for a template's.
        super().__init__(url.replace("{", "{{").replace("}", "}}"), _engine_options(url))

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Tell a trial's state; one that it has already was told by an attempt that looked lost.

        That holds because one driver alone runs a search (`search.store.lock`).
        """
        attempts = itertools.count()

        def tell() -> bool:
            repeated = next(attempts) > 0
            if repeated and optuna.storages.RDBStorage.get_trial(self, trial_id).state == state:
                return True
            return super(PatientStorage, self).set_trial_state_values(trial_id, state, values)

        return self._patiently(tell)

    def _patiently(self, operation: Callable[[], Result]) -> Result:
        """The result of an operation that is repeated while the database is away.

        Raises:
            SearchFailedError: it stayed away, or failed for good.
        """
        began, told = time.monotonic(), False
        for pause in _pauses():
            try:
                result = operation()
            except (SQLAlchemyError, StorageInternalError) as error:
                self._check_patience(error, time.monotonic() - began + pause)
                if not told:
                    again = f"trying again for {self._patience:g} s"
                    say(f"the search database cannot be used: {_cause(error)}; {again}")
                told = True
                self.remove_session()
                time.sleep(pause)
            else:
                if told:
                    waited = time.monotonic() - began
                    say(f"the search database can be used again after {waited:.0f} s")
                self._given_up = False
                return result
        raise AssertionError  # pauses never end

    def _check_patience(self, error: Exception, waited: float) -> None:
        """Raise what follows from a failure that no waiting mends, or not within the patience."""
        if not _passes(error):
            raise SearchFailedError(f"the search database failed: {_cause(error)}") from None
        if self._given_up or waited > self._patience:
            self._given_up = True
            raise SearchFailedError(
                f"the search database could not be used for {self._patience:g} s: "
                f"{_cause(error)}; nothing that had ended is lost, and --resume goes on later"
            ) from None


def _patient(name: str) -> Any:  # noqa: ANN401
    """A method of Optuna's storage, repeated while the database is away.

    A repetition is safe where the first attempt was committed and its answer lost. Attributes and
    parameters are written once more as they are. A trial that is created twice leaves one that
    nobody asked for, RUNNING without a configuration: `SearchTrials.orphans` finds it when the
    search is resumed. (Optuna itself repeats this operation, with the same effect.) A study
    that is created twice is refused the second time: half-made, for the next start to delete.
    """
    method = getattr(optuna.storages.RDBStorage, name)

    @functools.wraps(method)
    def repeated(self: PatientStorage, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return self._patiently(functools.partial(method, self, *args, **kwargs))

    return repeated


CACHED = {"_create_new_trial", "_get_best_trial_id", "_get_trials", "_set_trial_param"}
"""What Optuna's cache calls besides a storage's public methods."""
OPERATIONS = optuna.storages.BaseStorage.__abstractmethods__ | CACHED
for _name in OPERATIONS - {"set_trial_state_values"}:
    setattr(PatientStorage, _name, _patient(_name))


def _engine_options(url: str) -> dict[str, Any]:
    """How to connect: servers are asked for a sign of life before a connection is used again."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return {}
    options: dict[str, Any] = {"pool_pre_ping": True}
    if parsed.get_backend_name() == "postgresql" and "psycopg" in parsed.get_driver_name():
        given = parsed.query
        options["connect_args"] = {key: LIBPQ[key] for key in LIBPQ if key not in given}
    return options


def _passes(error: Exception) -> bool:
    """Whether an error may pass by itself: the database is away, locked or full."""
    origin = _origin(error)
    lost = isinstance(origin, DBAPIError) and origin.connection_invalidated
    return lost or isinstance(origin, (OperationalError, InterfaceError))


def _cause(error: BaseException) -> str:
    """What the database said, in one line."""
    origin = _origin(error)
    said = str(getattr(origin, "orig", None) or origin).strip()
    return said.splitlines()[0] if said else type(origin).__name__


def _origin(error: BaseException) -> BaseException:
    """The error under what was made of it."""
    origin = (error.__cause__ if isinstance(error, StorageInternalError) else None) or error
    if isinstance(origin, PendingRollbackError):
        # Optuna reads once more, in another way, in a transaction whose connection is lost.
        return origin.__context__ or origin
    return origin


def _pauses() -> Iterator[float]:
    """Seconds from one attempt to the next."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)
