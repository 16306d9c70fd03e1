"""Networks in MLflow: logged into a trial's run, and registered. The second door to MLflow."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from numpy.typing import NDArray
from torch import nn

from search.errors import RequestError
from search.store.urls import check_store, shown
from search.temporary import temporary_folder
from search.tracking.client import (
    UNUSABLE,
    LifecycleStage,
    MlflowClient,
    MlflowException,
    is_refusal,
    open_store,
    unusable,
)

MARK = "swast-search"
"""Tag of the registered names that a search made."""


@dataclass(frozen=True)
class Model:
    """Network to be logged.

    Attributes:
        network: on the CPU, in eval mode.
        images: example inputs, n × channels × height × width.
        logits: outputs of the network for the images, n × classes.
        tags: facts of the network, as texts.
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
    check_store("the MLflow store", uri, new=False, web=True)
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
    """Return the name under which a search's networks are registered, without / and :."""
    return re.sub(r"[^\w.-]", "-", search)


def register(uri: str, run_id: str, search: str, alias: str, model: Model) -> str:
    """Log a network into a run, register it, and return the URI that loads it.

    It is stored as PyTorch's exported program, which loads without this package. The run keeps
    its times and status.

    Args:
        uri: URI of the MLflow store.
        run_id: run of the trial.
        search: name of the search, under which the network is registered.
        alias: alias of the new version, as ``knee``; it moves away from an older version.
        model: the network.

    Raises:
        RequestError: the store cannot be used.
    """
    client, name = open_store(uri), registered_name(search)
    with temporary_folder() as folder:
        path = folder / "model"
        save(path, model)
        try:
            logged = _log(client, run_id, path, model.tags)
            _ensure_name(client, name)
            made = client.create_model_version(
                name, logged.artifact_location, run_id, dict(model.tags), model_id=logged.model_id
            )
            client.set_registered_model_alias(name, alias, made.version)
        except UNUSABLE as error:
            raise unusable(uri, error) from None
    return f"models:/{name}@{alias}"


def unregister(client: MlflowClient, search: str, runs: Set[str]) -> None:
    """Remove the versions from some runs of a search; with the last version, also the name.

    A name that another program registered stays.
    """
    name = registered_name(search)
    versions = client.search_model_versions(f"name = '{name}'")
    ours = [each for each in versions if each.run_id in runs]
    for each in ours:
        client.delete_model_version(name, each.version)
    if ours and len(ours) == len(versions) and MARK in client.get_registered_model(name).tags:
        client.delete_registered_model(name)


def save(path: Path, model: Model) -> None:
    """Write a network into a folder in MLflow's format."""
    import mlflow.pytorch
    from mlflow.models.signature import infer_signature

    with _silence():
        mlflow.pytorch.save_model(
            model.network,
            path,
            signature=infer_signature(model.images, model.logits),
            input_example=model.images[:2],
            serialization_format="pt2",
            metadata=dict(model.tags),
            pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "torch")],
        )


def _log(client: MlflowClient, run_id: str, path: Path, tags: Mapping[str, str]) -> LoggedModel:
    """Log a saved network into a run."""
    experiment = client.get_run(run_id).info.experiment_id
    with _silence():
        logged = client.create_logged_model(experiment, "network", run_id, dict(tags))
        client.log_model_artifacts(logged.model_id, str(path))
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return logged


def _ensure_name(client: MlflowClient, name: str) -> None:
    """Create a registered model of a name, unless it exists."""
    try:
        client.create_registered_model(name, tags={MARK: "made this name"})
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextmanager
def _silence() -> Iterator[None]:
    """Suppress log messages and warnings of MLflow and PyTorch."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
