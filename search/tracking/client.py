"""The one door to MLflow: what the search uses of it, a store opened, what its errors mean."""

from __future__ import annotations

import hashlib
import json
import logging
import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
# Training does not wait for MLflow: a call is tried once and not for long; the backlog repeats it.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")

import sqlalchemy
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
)
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from search.errors import RequestError
from search.store.lock import alone_in
from search.store.urls import check_store, shown, sqlite_file

__all__ = [
    "MLFLOW_PARENT_RUN_ID",
    "MLFLOW_RUN_NOTE",
    "MLFLOW_SOURCE_NAME",
    "UNUSABLE",
    "LifecycleStage",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "Param",
    "Run",
    "RunTag",
    "ViewType",
    "dataset",
    "is_outage",
    "is_refusal",
    "local_file_uri_to_path",
    "open_store",
    "unusable",
]

# It would print a traceback for every try at a locked or full database.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

CONNECT_SECONDS = 5
UNUSABLE = (MlflowException, SQLAlchemyError, ImportError, OSError)
"""What opening a store may raise."""
AWAY = {
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "CANCELLED",
    "ENDPOINT_NOT_FOUND",
}
"""MLflow's codes for HTTP 5xx and 429, for no answer, for a database that does not work, and for
a proxy without a server behind it."""
REFUSED = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
"""What MLflow says of a run that was deleted, among other things."""
MISTAKES = (TypeError, ValueError, LookupError, AttributeError)
"""Causes that MLflow reports as internal errors and no waiting mends."""


def open_store(uri: str) -> MlflowClient:
    """A client of the store at a URI, which is made if it is a database and new.

    Answers within seconds.

    Raises:
        RequestError: the store cannot be used.
    """
    check_store("the MLflow store", uri, new=True)
    try:
        _reach(uri)
        _make(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    except UNUSABLE as error:
        raise unusable(uri, error) from None
    return client


def unusable(uri: str, error: Exception) -> RequestError:
    """The one line that a user is told of a store that does not work."""
    cause = str(getattr(error, "orig", None) or error).splitlines()[0]
    return RequestError(f"the MLflow store {shown(uri)} cannot be used: {cause}")


def outage(uri: str, is_away: bool) -> str:
    """The line that a user is told when a store goes away, and when it is back."""
    answer = "does not answer; what it misses is kept and sent later"
    return f"MLflow at {shown(uri)} {answer if is_away else 'answers again'}"


def _reach(uri: str) -> None:
    """Connect to a database server once; MLflow would try for minutes."""
    if uri.startswith("http") or sqlite_file(uri) is not None:
        return
    timely = uri.startswith(("postgresql", "mysql"))
    arguments = {"connect_timeout": CONNECT_SECONDS} if timely else {}
    engine = sqlalchemy.create_engine(uri, connect_args=arguments)
    engine.connect().close()
    engine.dispose()


def _make(uri: str) -> None:
    """Make a new SQLite store out of sight, and put it in place when it is whole.

    MLflow makes its tables by dozens of migrations, and cannot go on where one died in the middle.
    """
    path = sqlite_file(uri)
    if path is None or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent):
        if path.exists():
            return
        partial = path.with_name(f".{path.name}.partial")
        for leftover in (partial, partial.with_name(f"{partial.name}-journal")):
            leftover.unlink(missing_ok=True)
        MlflowClient(tracking_uri=f"sqlite:///{partial}").search_experiments(max_results=1)
        partial.rename(path)


def dataset(name: str) -> DatasetInput:
    """A data set as a run's input, under the name that configurations give it."""
    source = json.dumps({"tags": {"mlflow.source.name": "swast-search"}})
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    tag = InputTag(MLFLOW_DATASET_CONTEXT, "training")
    return DatasetInput(Dataset(name, digest, "code", source), [tag])


def is_outage(error: Exception) -> bool:
    """Whether an error of a call to MLflow says: later, perhaps.

    So are refused and broken connections, timeouts, servers' own errors, databases that are
    locked, full or restarting, and artifacts that cannot be written.
    """
    if isinstance(error, MlflowException):
        if isinstance(error.__cause__, (DBAPIError, OSError)):
            return is_outage(error.__cause__)
        return error.error_code in AWAY and not isinstance(error.__cause__, MISTAKES)
    if isinstance(error, DBAPIError):
        return isinstance(error, OperationalError) or error.connection_invalidated
    response = getattr(error, "response", None)  # of an HTTP error, which is an OSError
    if response is not None:
        return response.status_code >= 500 or response.status_code in (408, 429)
    return isinstance(error, OSError)


def is_refusal(error: Exception) -> bool:
    """Whether an error may mean that a run was deleted."""
    return isinstance(error, MlflowException) and error.error_code in REFUSED
