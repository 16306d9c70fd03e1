"""Time of Algorithm 1 by phase, for every epoch of a training."""

from __future__ import annotations

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from swast import plan, training
from swast.calibration import now
from swast.config import TrainConfig
from swast.coresets import SCORERS
from swast.data import ArrayData
from swast.run import Run

PHASES = {
    "extract": "selection pass",
    "solve": "solver",
    "record": "recording",
    "prune": "prune",
    "train_epoch": "training",
    "evaluate": "evaluation",
    "open_round": "diagnostics",
    "close_round": "diagnostics",
}
"""Functions that `swast.training` calls, with the names of their phases. Recording needs no pass
of its own if there was a selection pass."""
DENSE = 5
"""Number of epochs that represent a dense training; the most to measure of a warm-up."""


@dataclasses.dataclass(frozen=True)
class Lap:
    """One epoch: whether it belongs to the warm-up, its seconds, and those of each phase."""

    warmup: bool
    selects: bool
    seconds: float
    phases: Mapping[str, float]


@contextmanager
def phases_timed(run: Run) -> Iterator[dict[str, float]]:
    """Time the phases of a run within the block, synchronising the device around each."""
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            started = now(run.device)
            found = work(*arguments, **options)
            spent[PHASES[name]] += now(run.device) - started
            return found

        return call

    scorer = SCORERS[run.config.coreset.scorer]
    places = {name: getattr(training, name) for name in PHASES if name != "solve"}
    solving = dataclasses.replace(scorer, select=timed("solve", scorer.select))
    for name, work in places.items():
        setattr(training, name, timed(name, work))
    SCORERS[run.config.coreset.scorer] = solving
    try:
        yield spent
    finally:
        SCORERS[run.config.coreset.scorer] = scorer
        for name, work in places.items():
            setattr(training, name, work)


def laps(run: Run, count: int) -> list[Lap]:
    """Train and time the next epochs of a run."""
    found = []
    for _ in range(count):
        epoch = run.epoch
        with phases_timed(run) as spent:
            started = now(run.device)
            next(training.epochs(run))
            seconds = now(run.device) - started
        selects = plan.is_round_start(run.config, epoch)
        found.append(Lap(epoch < run.config.warmup_epochs, selects, seconds, dict(spent)))
    return found


def by_phase(laps: list[Lap]) -> dict[str, float]:
    """Return the median seconds of each phase; training in the warm-up is a phase of its own."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for lap in laps:
        for name, taken in lap.phases.items():
            seconds["warm-up training" if lap.warmup and name == "training" else name].append(
                taken
            )
    return {name: statistics.median(each) for name, each in seconds.items()}


def whole(config: TrainConfig, laps: list[Lap]) -> float:
    """Return seconds of all of a configuration's epochs, each as the median of its kind.

    The kinds: an epoch belongs to the warm-up, begins a round, or continues one.
    """
    kinds: dict[tuple[bool, bool], list[float]] = defaultdict(list)
    for lap in laps:
        kinds[lap.warmup, lap.selects].append(lap.seconds)
    return sum(
        statistics.median(kinds[epoch < config.warmup_epochs, plan.is_round_start(config, epoch)])
        for epoch in range(config.epochs)
    )


def measured(config: TrainConfig, data: ArrayData, *, full: bool) -> dict[str, Any]:
    """Measure a training's time by phase and of all its epochs, in whole or from a part of it.

    The part ends with the second epoch of the second round, so that every kind of epoch occurs
    twice. The first epoch, in which the device warms up, is left out if there are others.
    """
    run = Run(config, data)
    rounds = config.interval + 2 if config.warmup_epochs < config.epochs else 0
    part = config.epochs if full else min(config.epochs, config.warmup_epochs, DENSE) + rounds
    part = min(part, config.epochs)
    with training.threads(config.threads):
        found = laps(run, part)
    kept = found[1:] if sum(lap.warmup for lap in found) > 1 else found
    return {
        "phases": by_phase(kept),
        "epochs_measured": part,
        "measured_seconds": sum(lap.seconds for lap in found),
        "seconds": sum(lap.seconds for lap in found) if full else whole(config, kept),
        "laps": [dataclasses.asdict(lap) for lap in found],
    }
