"""Configurations out of a search, as files that `swast-train` runs again to the same result."""

from __future__ import annotations

import platform
from argparse import Namespace
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli_w

from search.errors import RequestError
from search.records import TrialRecord, finished, front_of, knee_of
from search.trials import SearchTrials
from swast.config import TrainConfig
from swast.files import replacing

PICKS = ("knee", "best", "cheapest", "front")


def pick(
    trials: Sequence[TrialRecord],
    which: str,
    max_flops: float | None = None,
    min_accuracy: float | None = None,
) -> dict[str, TrialRecord]:
    """The finished trials that a pick names, by the name of the file to write.

    Args:
        trials: of one search.
        which: ``knee``, ``best`` (most accurate; the cheapest of equals), ``cheapest``, ``front``.
        max_flops: leave out what costs more.
        min_accuracy: leave out what is less accurate, in [0, 1].

    Raises:
        RequestError: nothing is left to pick from.
    """
    left = [
        trial
        for trial in finished(trials)
        if (max_flops is None or (trial.train_flops or 0) <= max_flops)
        and (min_accuracy is None or (trial.accuracy or 0) >= min_accuracy)
    ]
    if not left:
        asked = "" if max_flops is None and min_accuracy is None else " within those limits"
        raise RequestError(f"the search has no finished trial{asked} to export")
    members = front_of(left)
    if which == "front":
        return {f"trial-{trial.number}": trial for trial in members}
    return {which: {"knee": knee_of(left), "best": members[-1], "cheapest": members[0]}[which]}


def export(trials: SearchTrials, options: Namespace) -> list[Path]:
    """Write the picked configurations into a folder; returns the files.

    Raises:
        RequestError: nothing to export, or the folder cannot be written.
    """
    chosen = pick(trials.records(), options.pick, options.max_flops, options.min_accuracy)
    written = []
    for name, trial in chosen.items():
        path = options.out / f"{name}.toml"
        try:
            with replacing(path) as file:
                file.write(document(trials, trial).encode())
        except OSError as error:
            cause = error.strerror
            raise RequestError(f"--out {options.out}: cannot be written: {cause}") from None
        written.append(path)
    return written


def document(trials: SearchTrials, trial: TrialRecord) -> str:
    """The file: the whole configuration, and where it came from."""
    config = TrainConfig.from_dict(trial.config).to_dict()
    return tomli_w.dumps(config | {"provenance": provenance(trials, trial)})


def provenance(trials: SearchTrials, trial: TrialRecord) -> dict[str, Any]:
    """Where a configuration came from, and what it gave there."""
    info = trials.info
    facts = {
        "search": info.name,
        "study": info.study.name,
        "trial": trial.number,
        "reference": trial.reference,
        "mlflow_run": trial.run_id,
        "val_accuracy": trial.accuracy,
        "train_flops": trial.train_flops,
        "relative_flops": trial.relative_flops,
        "seconds": trial.seconds,
        "swast": version("swast"),
        "torch": version("torch"),
        "python": platform.python_version(),
        "machine": platform.platform(),
    }
    return {name: fact for name, fact in facts.items() if fact is not None}
