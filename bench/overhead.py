"""Time a trial takes beyond its training: a search of ours against a stock Tune run.

    python -m bench.overhead [--trials 40] [--repeats 3] [--concurrent 2] [--json FILE]

Three arms take turns, each in a process and a folder of its own, on the same training of digits:

- ours: `search.run_search`'s own steps with every default (TPE, Optuna and MLflow on SQLite);
- stock: `tune.Tuner` with OptunaSearch on two objectives, MLflowLoggerCallback on SQLite, and
  Tune's defaults, around a function that calls `swast.train` and reports every epoch;
- loop: `swast.train` again and again in one process, the floor.

Beyond training is (wall time of the trials · trials at a time − seconds of training) / trials. The
trials' wall time goes from the first training step of all to the return of the call that runs
them. Seconds of training are those that `swast.train` counts, epochs with their evaluation.
Start-up, from the command to that first step, stands apart, and so does what ours does at its end:
it reads the test set for the front, which stock does not. The column "with its end" counts it in.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from swast import TrainConfig, train
from swast.data import ArrayData, load_data

ARMS = ("ours", "stock", "loop")
LIMIT = 1 / 3
MARKS = "SWAST_BENCH_MARKS"
"""Folder in which processes note when they made their first training step."""
FIXED: dict[str, Any] = {
    "data": "digits",
    "model": "bench.overhead:network",
    "device": "cpu",
    "epochs": 4,
    "warmup_epochs": 2,
    "interval": 2,
    "coreset.scorer": "el2n",
    "coreset.fraction": 0.5,
}
RANGE = (0.1, 0.1001)
"""Of preserve.weight, all that is searched: trials differ by nothing that takes time."""
STUDY = """\
[fixed]
{fixed}
[space]
preserve.weight = {{ low = {low}, high = {high} }}
"""


class Marked(nn.Sequential):
    """A network that notes when this process made its first training step."""

    noted = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits."""
        if not Marked.noted and self.training and torch.is_grad_enabled():
            Marked.noted = True
            Path(os.environ[MARKS], f"{os.getpid()}").write_text(repr(time.time()))
        logits: torch.Tensor = super().forward(images)
        return logits


def network(_shape: tuple[int, ...], classes: int) -> nn.Module:
    """The perceptron mlp-small, marked."""
    return Marked(
        nn.Flatten(),
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )


def run_ours(folder: Path, trials: int, concurrent: int) -> dict[str, Any]:
    """A search as `swast-search` runs it."""
    from search import launch
    from search.home import Home
    from search.request import Request

    study = folder / "overhead.toml"
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in FIXED.items())
    study.write_text(STUDY.format(fixed=lines, low=RANGE[0], high=RANGE[1]))
    cpus = (os.cpu_count() or 1) / concurrent
    request = Request(
        study=study, budget=trials, gpus=0, cpus_per_trial=cpus, home=folder / "home", quiet=True
    )
    plain, marks = launch.run_session, {}

    def timed(*arguments: Any) -> None:  # noqa: ANN401
        plain(*arguments)
        marks["trained"] = time.time()

    launch.run_session = timed
    home = Home.find(request.home)
    with launch.reserved(request, home) as (info, workers):
        result = launch.search(request, home, launch.open_trials(request, home, info), workers)
        ended = time.time()
    seconds = [record.seconds for record in result.trials if record.state == "complete"]
    return {"trained": marks["trained"], "ended": ended, "seconds": seconds}


def run_stock(folder: Path, trials: int, concurrent: int) -> dict[str, Any]:
    """The same from the libraries' own parts, as their documentation puts them together."""
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


def run_loop(folder: Path, trials: int, concurrent: int) -> dict[str, Any]:  # noqa: ARG001
    """The trainings alone, one after another."""
    data, config = load_data(FIXED["data"]), TrainConfig().with_values(FIXED)
    seconds = [train(config, data=data).seconds for _ in range(trials)]
    trained = time.time()
    return {"trained": trained, "ended": trained, "seconds": seconds}


RUNS: dict[str, Callable[[Path, int, int], dict[str, Any]]] = {
    "ours": run_ours,
    "stock": run_stock,
    "loop": run_loop,
}


def measured(arm: str, trials: int, concurrent: int) -> dict[str, float]:
    """Seconds of one arm: start-up, a trial's training, and what it takes beyond that."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        marks, out = folder / "marks", folder / "out.json"
        marks.mkdir()
        here = str(Path(__file__).resolve().parents[1])
        values = {**os.environ, MARKS: str(marks), "PYTHONPATH": here}
        options = ["--trials", str(trials), "--concurrent", str(concurrent)]
        command = [sys.executable, "-m", "bench.overhead", *options, "--arm", arm, "--json"]
        started, load = time.time(), os.getloadavg()[0]
        with (folder / "log").open("w+") as log:
            done = subprocess.run(
                [*command, str(out)], env=values, cwd=folder, stdout=log, stderr=log
            )
            if done.returncode:
                log.seek(0)
                raise SystemExit(f"{arm} failed:\n{log.read()[-3000:]}")
        found = json.loads(out.read_text())
        first = min(float(path.read_text()) for path in marks.iterdir())
    if len(found["seconds"]) != trials:
        raise SystemExit(f"{arm} made {len(found['seconds'])} trials of {trials}")
    lanes = 1 if arm == "loop" else concurrent
    training = sum(found["seconds"])
    return {
        "start": first - started,
        "training": training / trials,
        "beyond": ((found["trained"] - first) * lanes - training) / trials,
        "with_end": ((found["ended"] - first) * lanes - training) / trials,
        "load": load,
    }


def show(rows: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Print the table; returns what it says."""
    names = ("start", "training", "beyond", "with_end", "load")
    medians = {
        arm: {name: statistics.median(row[arm][name] for row in rows) for name in names}
        for arm in ARMS
    }
    print("| arm | start-up | training a trial | beyond a trial | with its end | load |")
    print("|---|---|---|---|---|---|")
    for arm, found in medians.items():
        print(
            f"| {arm} | {found['start']:.1f} s | {found['training']:.3f} s "
            f"| {found['beyond']:.3f} s | {found['with_end']:.3f} s | {found['load']:.1f} |"
        )
    ratios = {
        name: sorted(row["ours"][name] / row["stock"][name] for row in rows)
        for name in ("start", "beyond", "with_end")
    }
    for name, found in ratios.items():
        print(
            f"ours / stock, {name}: {statistics.median(found):.3f} "
            f"({found[0]:.3f} to {found[-1]:.3f})"
        )
    print(f"limit for beyond: {LIMIT:.3f}")
    return {"medians": medians, "ratios": ratios, "limit": LIMIT, "repeats": rows}


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="time a trial takes beyond its training")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--concurrent", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        found = RUNS[options.arm](Path.cwd(), options.trials, options.concurrent)
        options.json.write_text(json.dumps(found))
        return
    rows = []
    for repeat in range(options.repeats):
        order = ARMS if repeat % 2 == 0 else ARMS[::-1]
        rows.append({arm: measured(arm, options.trials, options.concurrent) for arm in order})
    said = show(rows)
    facts = {
        "trials": options.trials,
        "concurrent": options.concurrent,
        "cpus": os.cpu_count(),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if options.json:
        options.json.write_text(json.dumps({**facts, **said}, indent=2) + "\n")


if __name__ == "__main__":
    main()
