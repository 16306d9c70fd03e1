"""Arms of `bench.overhead`: the same trials by our search and by the libraries alone."""

from __future__ import annotations

import importlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.peers import from_package
from swast import TrainConfig, train
from swast.data import ArrayData, load_data

MARKS = "SWAST_BENCH_MARKS"
"""Environment variable of the folder in which processes note the time of their first step."""
FIXED: dict[str, Any] = {
    "data": "digits",
    "model": "bench.services:network",
    "device": "cpu",
    "epochs": 4,
    "warmup_epochs": 2,
    "interval": 2,
    "coreset.scorer": "el2n",
    "coreset.fraction": 0.5,
}
PARTS = ("imports", "data", "Ray", "databases")
"""Parts of our start-up, each timed at its end; databases include their imports."""
RANGE = (0.1, 0.1001)
"""Range of preserve.weight, the only value searched: all trials take the same time."""
STUDY = """\
[fixed]
{fixed}
[space]
preserve.weight = {{ low = {low}, high = {high} }}
"""


class Marked(nn.Sequential):
    """Network that notes the time of this process's first training step."""

    noted = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        if not Marked.noted and self.training and torch.is_grad_enabled():
            Marked.noted = True
            Path(os.environ[MARKS], f"{os.getpid()}").write_text(repr(time.time()))
        logits: torch.Tensor = super().forward(images)  # type: ignore[no-untyped-call]
        return logits


def network(_shape: tuple[int, ...], classes: int) -> nn.Module:
    """Build the perceptron mlp-small as a `Marked` network."""
    return Marked(
        nn.Flatten(),
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )


def run_ours(folder: Path, trials: int, concurrent: int) -> dict[str, Any]:
    """Run a search as `swast-search` does."""
    from search.driver.request import Request
    from search.engine import cluster
    from search.store.home import Home

    launch: Any = importlib.import_module("search.driver.launch")
    marks = {"imports": time.time()}
    study = folder / "overhead.toml"
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in FIXED.items())
    study.write_text(STUDY.format(fixed=lines, low=RANGE[0], high=RANGE[1]))
    cpus = (os.cpu_count() or 1) / concurrent
    home = Home.find(folder / "home")
    request = Request(
        study=str(study),
        budget=trials,
        gpus=0,
        cpus_per_trial=cpus,
        home=home.path,
        sampler="tpe",
        quiet=True,
    )
    plain = launch.run_session

    def timed(*arguments: Any) -> None:  # noqa: ANN401
        marks["databases"] = time.time()
        plain(*arguments)
        marks["trained"] = time.time()

    launch.run_session = timed
    marking(marks, "data", launch.prepare, "load")
    marking(marks, "Ray", cluster, "_start_ray")
    with launch.reserved(request, home) as (info, workers):
        result = launch.search(request, home, launch.open_trials(request, home, info), workers)
        ended = time.time()
    seconds = [record.seconds for record in result.trials if record.state == "complete"]
    parts = {name: marks[name] for name in PARTS}
    return {"trained": marks["trained"], "ended": ended, "seconds": seconds, "parts": parts}


def marking(marks: dict[str, float], name: str, place: Any, function: str) -> None:  # noqa: ANN401
    """Wrap a function of a module so that it notes the time at its end."""
    plain = getattr(place, function)

    def marked(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        found = plain(*arguments, **options)
        marks[name] = time.time()
        return found

    setattr(place, function, marked)


def run_stock(folder: Path, trials: int, concurrent: int) -> dict[str, Any]:
    """Run the same trials with Tune, Optuna and MLflow combined as their documentation does."""
    import ray
    from ray import tune
    from ray.air.integrations.mlflow import MLflowLoggerCallback
    from ray.tune.search.optuna import OptunaSearch

    def trainable(drawn: dict[str, float], data: ArrayData) -> None:
        def report(epoch: Any) -> None:  # noqa: ANN401
            names = ("val_accuracy", "train_flops", "train_loss", "val_loss", "seconds")
            tune.report({name: getattr(epoch, name) for name in names})

        train(TrainConfig().with_values({**FIXED, **drawn}), data=data, on_epoch=report)

    ray.init(num_cpus=concurrent, include_dashboard=False, log_to_driver=False)
    found = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(trainable, data=load_data(FIXED["data"])), {"cpu": 1}
        ),
        param_space={"preserve.weight": tune.uniform(*RANGE)},
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(metric=["val_accuracy", "train_flops"], mode=["max", "min"]),
            num_samples=trials,
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder / "results"),
            callbacks=[
                MLflowLoggerCallback(f"sqlite:///{folder}/mlflow.db", experiment_name="stock")
            ],
        ),
    ).fit()
    trained = time.time()
    seconds = [each.metrics["seconds"] for each in found if not each.error]
    ray.shutdown()
    return {"trained": trained, "ended": trained, "seconds": seconds}


def run_optuna(folder: Path, trials: int, concurrent: int) -> dict[str, Any]:  # noqa: ARG001
    """Run Optuna's own loop in one process, with its callback for MLflow, both on SQLite."""
    import optuna

    callback = from_package("optuna-integration", "optuna_integration.mlflow").MLflowCallback
    data, seconds = load_data(FIXED["data"]), []

    def objective(trial: Any) -> tuple[float, float]:  # noqa: ANN401
        drawn = {"preserve.weight": trial.suggest_float("preserve.weight", *RANGE)}
        found = train(TrainConfig().with_values({**FIXED, **drawn}), data=data)
        seconds.append(found.seconds)
        return found.val_accuracy, float(found.train_flops)

    names = ["val_accuracy", "train_flops"]
    study = optuna.create_study(
        storage=f"sqlite:///{folder}/optuna.db", directions=["maximize", "minimize"]
    )
    logged = callback(tracking_uri=f"sqlite:///{folder}/mlflow.db", metric_name=names)
    study.optimize(objective, n_trials=trials, callbacks=[logged])
    trained = time.time()
    return {"trained": trained, "ended": trained, "seconds": seconds}


def run_loop(folder: Path, trials: int, concurrent: int) -> dict[str, Any]:  # noqa: ARG001
    """Run the trainings alone, one after another."""
    data, config = load_data(FIXED["data"]), TrainConfig().with_values(FIXED)
    seconds = [train(config, data=data).seconds for _ in range(trials)]
    trained = time.time()
    return {"trained": trained, "ended": trained, "seconds": seconds}


RUNS: dict[str, Callable[[Path, int, int], dict[str, Any]]] = {
    "ours": run_ours,
    "stock": run_stock,
    "optuna": run_optuna,
    "loop": run_loop,
}
