"""Where searches are kept: Optuna's storage at a URL."""

from __future__ import annotations

import optuna
from sqlalchemy.exc import SQLAlchemyError

from search.errors import RequestError
from search.home import check_store, sqlite_file

UNUSABLE = (SQLAlchemyError, RuntimeError, ImportError, ValueError, OSError)
"""What opening a storage may raise."""


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Optuna's storage at a URL.

    Raises:
        RequestError: it cannot be opened, or holds something else.
    """
    check_store("the search database", url, new=True)
    path = sqlite_file(url)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        return optuna.storages.RDBStorage(url)
    except UNUSABLE as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise RequestError(f"the search database {url} cannot be used: {cause}") from None
