"""Shared by the tests of the search: a tiny study, searches of it, records, and listeners."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna

from search.loop.status import Status
from search.study.study_file import Study, parse_study
from search.trials.proposal import Proposal
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord
from swast.result import EpochRecord, TrainResult

TINY = """\
description = "A few trials of a tenth of a second"

[fixed]
model = "mlp-small"
epochs = 4
warmup_epochs = 1

[fixed.prune]
update_interval = 10

[space]
interval = { low = 1, high = 3 }

[space.coreset]
scorer = ["random", "el2n"]
fraction = { low = 0.05, high = 0.5, log = true }

[space.prune]
sparsity = { low = 0.3, high = 0.9, step = 0.1 }

[space.preserve]
weight = { low = 0.01, high = 1.0, log = true, also = [0.0] }

[references.small]
interval = 2
coreset.scorer = "el2n"
coreset.fraction = 0.1
prune.sparsity = 0.9
preserve.weight = 0.0

[references.dense]
coreset.fraction = 1.0
prune.method = "none"
preserve.weight = 0.0
"""
"""``small`` lies in the space, ``dense`` does not."""

SHIPPED = [
    "cifar10-resnet18",
    "cifar100-resnet18",
    "digits",
    "fashion-mnist",
    "imagenet-resnet50",
    "tiny-imagenet-resnet18",
]
"""The studies that come with the package."""
UNIT = 10**10
"""Cost of dense training in these tests."""
BARE = TINY.partition("[references.small]")[0]
"""The same without references."""


@functools.cache
def study(source: str = TINY, name: str = "tiny") -> Study:
    """A study from its text."""
    return parse_study(name, source)


def new_search(folder: Path, source: str = TINY, **info: Any) -> SearchTrials:
    """A search in a folder's database."""
    if not (folder / "optuna.db").exists():
        (folder / "optuna.db").write_bytes(blank_database())
    return SearchTrials.create(database(folder), search_info(source, **info))


@functools.cache
def blank_database() -> bytes:
    """A search database without searches; making its tables is most of what a test costs."""
    with tempfile.TemporaryDirectory() as folder:
        optuna.storages.RDBStorage(database(Path(folder)))
        return Path(folder, "optuna.db").read_bytes()


def search_info(source: str = TINY, **info: Any) -> SearchInfo:
    """What a search is, with defaults for what a test leaves open."""
    given = {
        "name": "trip",
        "uid": "0f",
        "device": "cpu",
        "sampler": "tpe",
        "seed": 0,
        "budget": 10,
        "unit": UNIT,
    } | info
    return SearchInfo(study=study(source), **given)


def database(folder: Path) -> str:
    """URL of the search database of a home."""
    return f"sqlite:///{folder / 'optuna.db'}"


def record(number: int, accuracy: float = 0.9, relative: float = 0.1, **more: Any) -> TrialRecord:
    """Return a finished trial."""
    cost = relative * UNIT
    given = {
        "state": "complete",
        "score": accuracy,
        "cost": round(cost) if math.isfinite(cost) and cost % 1 == 0 else cost,
        "unit": UNIT,
        "epochs": 4,
        "seconds": 1.5,
        "bill": {"warmup": round(cost) if math.isfinite(cost) else 0, "evaluation": 7},
    }
    return TrialRecord(number=number, **(given | more))


def finish(trials: SearchTrials, *points: tuple[float, float]) -> list[Proposal]:
    """Ask for trials and settle each as finished at (accuracy, relative FLOPs)."""
    asked = [trials.ask() for _ in points]
    for proposal, (accuracy, relative) in zip(asked, points, strict=True):
        trials.settle(record(proposal.number, accuracy, relative))
    return asked


def result(
    accuracy: float, relative: float = 0.1, epochs: int = 4, test: float | None = None
) -> TrainResult:
    """Return the result of a training that was never made."""
    flops = round(relative * UNIT)
    return TrainResult(
        val_accuracy=accuracy,
        val_loss=0.5,
        test_accuracy=test,
        train_flops=flops,
        predicted_flops=flops,
        relative_flops=relative,
        flops={"warmup": flops, "evaluation": 7},
        seconds=2.5,
        history=tuple(epoch(number + 1, accuracy) for number in range(epochs)),
        rounds=(),
        double_losses=(),
        config=study().fixed,
        environment={"torch": "2.0", "device": "cpu"},
        state={},
    )


def epoch(number: int, accuracy: float) -> EpochRecord:
    """Return an epoch's record."""
    return EpochRecord(
        epoch=number,
        phase="tailored",
        samples=100,
        sparsity=0.5,
        learning_rate=0.05,
        train_loss=1 / number,
        val_loss=2 / number,
        val_accuracy=accuracy,
        train_flops=1000 * number,
        seconds=0.25 * number,
    )


class Listener:
    """Stands in for the tracker and the display: notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def told(self, what: str) -> list[Any]:
        """The values of all calls of one kind, in order."""
        return [value for name, value in self.calls if name == what]

    def run_of(self, number: int) -> str:
        """The run of a trial."""
        return f"run-{number}"

    def start_trial(self, record: TrialRecord) -> None:
        """Note a trial that starts."""
        self.calls.append(("start", record))

    def log_epochs(self, number: int, epochs: Sequence[EpochRecord]) -> None:
        """Note epochs."""
        self.calls += [("epoch", (number, epoch.epoch)) for epoch in epochs]

    def end_trial(self, record: TrialRecord) -> None:
        """Note how a trial ended."""
        self.calls.append(("end", record))

    def publish(self, info: SearchInfo, trials: SearchState, *, now: bool = False) -> None:
        """Note who is said to be on the front."""
        self.calls.append(("front", trials.trials))

    def turn(self) -> None:
        """Note that it may send what waits."""
        self.calls.append(("turn", None))

    def log_reading(self, number: int, values: Mapping[str, float], step: int = 0) -> None:
        """Note what a trial gave on the test set."""
        self.calls.append(("reading", (number, dict(values), step)))

    def end_search(self, end: str) -> None:
        """Note the end."""
        self.calls.append(("closed", end))

    def update(self, status: Status) -> None:
        """Note a status."""
        self.calls.append(("status", status))

    def say(self, text: str) -> None:
        """Note a line."""
        self.calls.append(("said", text))


def status(*trials: TrialRecord, **more: Any) -> Status:
    """How a search of ten trials stands."""
    given = {"name": "trip", "budget": 10, "seconds": 65.0, "finished_here": len(trials)}
    return Status(state=SearchState(trials), **(given | more))


def renumbered(trial: TrialRecord, **more: Any) -> TrialRecord:
    """A copy of a record with other values."""
    return dataclasses.replace(trial, **more)


def tree(folder: Path) -> dict[str, str]:
    """Every path below a folder, and what it holds."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        )
        for path in sorted(folder.rglob("*"))
    }
