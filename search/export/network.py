"""`export --model`: networks of exported configurations, in files and in MLflow."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from search.errors import RequestError
from search.export.provenance import CONFIG, Exported
from search.export.retrain import Retraining
from search.store.home import Home
from search.tracking.model_registry import Model, check_run, register
from search.trials.trial_record import TrialRecord
from swast.data import ArrayData
from swast.outputs import write_output
from swast.portable import Intake, check_onnx, portable, samples, to_onnx
from swast.printing import out
from swast.result import TrainResult
from swast.weights import save_weights


def tracking_of(options: Namespace) -> str:
    """Return the URI of the MLflow store that the command line names, else the home's."""
    return str(options.tracking_uri or Home.find(options.home).tracking)


def check(options: Namespace, trials: Iterable[TrialRecord]) -> None:
    """Refuse networks that could not be exported, before anything is trained.

    Raises:
        ConfigError: ONNX is not installed.
        RequestError: MLflow cannot be used, or lacks the trials' runs.
    """
    check_onnx()
    for trial in trials:
        check_run(tracking_of(options), trial.run_id)


def export_networks(
    files: Sequence[Exported], trained: Sequence[TrainResult], retraining: Retraining, uri: str
) -> None:
    """Write and register the network of every file, and print their paths and addresses.

    Raises:
        DisagreementError: ONNX computes other logits; nothing of that network is written.
        RequestError: a file cannot be written, or MLflow cannot be used.
    """
    for exported, result in zip(files, trained, strict=True):
        for line in export_network(exported, result, retraining.data(exported.config), uri):
            out(line)


def export_network(
    exported: Exported, result: TrainResult, data: ArrayData, uri: str
) -> list[str]:
    """Write weights and ONNX beside a file, register the network; return lines to print."""
    network, images, facts = (
        portable(result, data),
        samples(data),
        facts_of(exported, result, data),
    )
    content, difference = to_onnx(network, images, facts)
    weights, onnx = (exported.path.with_suffix(ending) for ending in (".pt", ".onnx"))
    try:
        save_weights(weights, result.state)
        write_output(onnx, content)
    except OSError as error:
        raise RequestError(
            f"{exported.path.parent}: cannot be written: {error.strerror}"
        ) from None
    with torch.no_grad():
        logits = network(torch.from_numpy(images)).numpy()
    run_id, search = (str(exported.provenance[name]) for name in ("mlflow_run", "search"))
    model = Model(network, images, logits, facts)
    score = exported.objectives.score
    exact = replace(score, digits=score.digits + 2).text
    address = register(uri, run_id, search, exported.path.stem, model)
    return [
        f"{weights}: {score.name} {exact(score.measure(result))}, "
        f"recorded {exact(exported.score)}",
        f"{onnx}: logits as PyTorch's to {difference:.1e} on {len(images)} validation images",
        address,
    ]


def facts_of(exported: Exported, result: TrainResult, data: ArrayData) -> dict[str, str]:
    """Return the metadata of a network, as texts."""
    provenance = exported.provenance
    score, cost = exported.objectives.score, exported.objectives.cost
    return {
        "search": str(provenance["search"]),
        "trial": str(provenance["trial"]),
        "data": exported.config.data,
        "model": exported.config.model,
        score.metric: repr(score.measure(result)),
        cost.absolute_key: str(cost.measure(result)),
        "config_digest": str(provenance[CONFIG]),
        "preprocessing": f"input: {Intake.of(data)}",
        "classes": json.dumps(data.classes or [str(each) for each in range(data.num_classes)]),
    }
