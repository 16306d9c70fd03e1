"""The one door to MLflow: the names that the search uses, its client, and opening a store."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

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

from search.errors import RequestError
from search.store.lock import alone_in
from search.store.urls import (
    check_store,
    is_server,
    scrubbed,
    shown,
    sqlite_file,
    sqlite_url,
)
from search.tracking.faults import NO_MLFLOW, SlowAnswerError, fault_of, is_outage, is_refusal
from search.tracking.own_store import home_of, place_artifacts, upgrade, wrong_version

__all__ = [
    "MLFLOW_PARENT_RUN_ID",
    "MLFLOW_RUN_NOTE",
    "MLFLOW_SOURCE_NAME",
    "UNUSABLE",
    "Client",
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
CALL_SECONDS, UPLOAD_SECONDS = 20.0, 60.0
"""The most time for a call to a server, and for one that uploads a file."""
UPLOADS = {"log_artifact", "log_model_artifacts"}
UNUSABLE = (Exception, SystemExit)
"""Errors that a call may raise: MLflow passes on those of all libraries that it uses."""
NO_RUN = "0" * 32
Result = TypeVar("Result")


class Client:
    """MLflow's client; its calls to a server are limited in time.

    Args:
        uri: of the store.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        seconds = UPLOAD_SECONDS if name in UPLOADS else CALL_SECONDS

        def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            if not is_server(self.uri):
                return method(*given, **named)
            return in_time(lambda: method(*given, **named), seconds)

        return call


def in_time(call: Callable[[], Result], seconds: float) -> Result:
    """Return the value of a call; raise if it takes too long.

    A timeout of HTTP bounds each read alone: an answer that comes byte by byte would never end.

    Raises:
        SlowAnswerError: the call has not returned; it is left to end by itself.
    """
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise SlowAnswerError(f"no whole answer within {seconds:g} s")
    return done[0]


def open_store(uri: str) -> Client:
    """Return a client of the store at a URI, within seconds. A new database is created.

    A home's own store is prepared for this version of MLflow and for the home's present place.

    Raises:
        RequestError: the store cannot be used, or not be written to.
    """
    home = home_of(uri)
    check_store("the MLflow store", uri, new=True, web=True)
    try:
        _check_database(uri)
        _create_sqlite(uri)
        if home is not None:
            upgrade(home)
            place_artifacts(home)
        client = Client(uri)
        client.search_experiments(max_results=1)
        _check_writable(client)
    except UNUSABLE as error:
        raise unusable(uri, error) from None
    return client


def unusable(uri: str, error: BaseException) -> RequestError:
    """Return the error for a store that does not work, with a one-line message."""
    plain = getattr(error, "strerror", None)
    cause = wrong_version(error) or plain or f"it {fault_of(error).cause}"
    return RequestError(f"the MLflow store {shown(uri)} cannot be used: {scrubbed(cause, uri)}")


def _check_database(uri: str) -> None:
    """Connect to a database once, as MLflow would retry for minutes; see if it is writable."""
    if is_server(uri):
        return
    path = sqlite_file(uri)
    if path is not None:
        if path.exists() and path.stat().st_size:
            with closing(sqlalchemy.create_engine(uri).raw_connection()) as connection:
                connection.execute("SELECT COUNT(*) FROM sqlite_master")
                connection.rollback()
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
        MlflowClient(tracking_uri=sqlite_url(partial)).search_experiments(max_results=1)
        partial.rename(path)


def _check_writable(client: Client) -> None:
    """Write to a server in a way that changes nothing: into a run that there is not.

    Raises:
        MlflowException: it is no MLflow server, or forbids writing.
    """
    if not is_server(client.uri):
        return
    try:
        client.set_tag(NO_RUN, "swast", "")
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return
        raise
    raise MlflowException(NO_MLFLOW)


def dataset(name: str) -> DatasetInput:
    """Return a data set as the input of a run, under its name in configurations."""
    source = json.dumps({"tags": {"mlflow.source.name": "swast-search"}})
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    tag = InputTag(MLFLOW_DATASET_CONTEXT, "training")
    return DatasetInput(Dataset(name, digest, "code", source), [tag])
