"""Networks in MLflow: logged into a trial's run, and registered. MLflow's second door."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from search.errors import RequestError
from search.home import shown
from search.tracking.store import UNUSABLE, LifecycleStage, is_refusal, open_store, unusable


@dataclass(frozen=True)
class Model:
    """A network as it is to be logged.

    Attributes:
        network: on the CPU, in eval mode.
        images: some that it takes, n × channels × height × width.
        logits: what it says of them, n × classes.
        tags: what is known of it, as texts.
    """

    network: nn.Module
    images: NDArray[np.float32]
    logits: NDArray[np.float32]
    tags: Mapping[str, str]


def check_run(uri: str, run_id: str | None) -> None:
    """Refuse a store in which a network cannot be logged.

    Raises:
        RequestError: the store cannot be used, or has no such run.
    """
    client = open_store(uri)
    if run_id is None:
        raise RequestError("the trial has no run in MLflow that its network could be logged into")
    try:
        run = client.get_run(run_id)
    except UNUSABLE as error:
        if is_refusal(error):
            run = None
        else:
            raise unusable(uri, error) from None
    if run is None or run.info.lifecycle_stage != LifecycleStage.ACTIVE:
        raise RequestError(
            f"the MLflow store {shown(uri)} has no run {run_id}, that of the trial; "
            "--tracking-uri names another store"
        )


def registered_name(search: str) -> str:
    """The name under which networks of a search are registered: MLflow's take no / and no :."""
    return re.sub(r"[^\w.-]", "-", search)


def register(uri: str, run_id: str, search: str, alias: str, model: Model) -> str:
    """Log a network into a run and register it; returns the URI that loads it.

    It is stored as PyTorch's exported program, which loads where this package is not. The run's
    times and status stay as they are.

    Args:
        uri: of the MLflow store.
        run_id: of the trial.
        search: the search's name, under which it is registered.
        alias: what the version is called there, as ``knee``; a newer one takes it over.
        model: the network.

    Raises:
        RequestError: the store cannot be used.
    """
    client, name = open_store(uri), registered_name(search)
    try:
        with _quietly(uri):
            number = _log(run_id, name, model)
        for key, value in model.tags.items():
            client.set_model_version_tag(name, number, key, value)
        client.set_registered_model_alias(name, alias, number)
    except UNUSABLE as error:
        raise unusable(uri, error) from None
    return f"models:/{name}@{alias}"


def _log(run_id: str, name: str, model: Model) -> str:
    """Log and register a network; returns the number of its version."""
    import mlflow.pytorch
    from mlflow.models import Model as LoggedModel
    from mlflow.models.signature import infer_signature

    logged = LoggedModel.log(
        artifact_path=None,
        flavor=mlflow.pytorch,
        run_id=run_id,
        name="network",
        registered_model_name=name,
        tags=dict(model.tags),
        metadata=dict(model.tags),
        pytorch_model=model.network,
        signature=infer_signature(model.images, model.logits),
        input_example=model.images[:2],
        serialization_format="pt2",
        pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", "torch")],
    )
    return str(logged.registered_model_version)


@contextmanager
def _quietly(uri: str) -> Iterator[None]:
    """MLflow's module-wide functions pointed to a store, and silent; afterwards as before."""
    import mlflow

    before: tuple[Any, Any] = (mlflow.get_tracking_uri(), mlflow.get_registry_uri())
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
        logger.setLevel(level)
