"""The one door to MLflow: the names that the search uses, opening a store, kinds of errors."""

from __future__ import annotations

import hashlib
import json

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

CONNECT_SECONDS = 5
UNUSABLE = (MlflowException, SQLAlchemyError, ImportError, OSError)
"""Errors that opening a store may raise."""
OUTAGES = {
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
REFUSALS = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
"""MLflow's codes for a call on a deleted run, among other things."""
BUGS = (TypeError, ValueError, LookupError, AttributeError)
"""Causes that MLflow reports as internal errors, and that no retry helps."""


def open_store(uri: str) -> MlflowClient:
    """Return a client of the store at a URI, within seconds. A new database is created.

    Raises:
        RequestError: the store cannot be used.
    """
    check_store("the MLflow store", uri, new=True)
    try:
        _check_server(uri)
        _create_sqlite(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    except UNUSABLE as error:
        raise unusable(uri, error) from None
    return client


def unusable(uri: str, error: Exception) -> RequestError:
    """Return the error for a store that does not work, with a one-line message."""
    cause = str(getattr(error, "orig", None) or error).splitlines()[0]
    return RequestError(f"the MLflow store {shown(uri)} cannot be used: {cause}")


def outage(uri: str, is_away: bool) -> str:
    """Return the message for the start of an outage, or for its end."""
    answer = "does not answer; its data are queued and sent later"
    return f"MLflow at {shown(uri)} {answer if is_away else 'answers again'}"


def _check_server(uri: str) -> None:
    """Connect to a database server once; MLflow would retry for minutes."""
    if uri.startswith("http") or sqlite_file(uri) is not None:
        return
    timely = uri.startswith(("postgresql", "mysql"))
    arguments = {"connect_timeout": CONNECT_SECONDS} if timely else {}
    engine = sqlalchemy.create_engine(uri, connect_args=arguments)
    engine.connect().close()
    engine.dispose()


def _create_sqlite(uri: str) -> None:
    """Create a new SQLite store under another name, and rename it when it is complete.

    MLflow creates its tables by dozens of migrations, and cannot resume them after a crash.
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
    """Return a data set as the input of a run, under its name in configurations."""
    source = json.dumps({"tags": {"mlflow.source.name": "swast-search"}})
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    tag = InputTag(MLFLOW_DATASET_CONTEXT, "training")
    return DatasetInput(Dataset(name, digest, "code", source), [tag])


def is_outage(error: Exception) -> bool:
    """Return whether an error of a call to MLflow may pass with time.

    These are refused and broken connections, timeouts, internal errors of servers, databases that
    are locked, full or restarting, and artifacts that cannot be written.
    """
    if isinstance(error, MlflowException):
        if isinstance(error.__cause__, (DBAPIError, OSError)):
            return is_outage(error.__cause__)
        return error.error_code in OUTAGES and not isinstance(error.__cause__, BUGS)
    if isinstance(error, DBAPIError):
        return isinstance(error, OperationalError) or error.connection_invalidated
    response = getattr(error, "response", None)  # of an HTTP error, which is an OSError
    if response is not None:
        return response.status_code >= 500 or response.status_code in (408, 429)
    return isinstance(error, OSError)


def is_refusal(error: Exception) -> bool:
    """Return whether an error may mean that a run was deleted."""
    return isinstance(error, MlflowException) and error.error_code in REFUSALS
