"""Configurations out of a search, as files that `swast-train` runs again to the same result."""

from __future__ import annotations

import json
import platform
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli_w

from search.errors import RequestError
from search.records import TrialRecord, finished, front_of, knee_of
from search.show import open_home
from search.trials import SearchTrials
from swast.config import TrainConfig
from swast.files import replacing

ROUNDING = 1e-9
PICKS = ("knee", "best", "cheapest", "front")


def pick(
    trials: Sequence[TrialRecord],
    which: str,
    max_flops: float | None = None,
    min_accuracy: float | None = None,
    within: float | None = None,
) -> dict[str, TrialRecord]:
    """The finished trials that a pick names, by the name of the file to write.

    Args:
        trials: of one search.
        which: ``knee``, ``best`` (most accurate; the cheapest of equals), ``cheapest``, ``front``.
        max_flops: leave out what costs more.
        min_accuracy: leave out what is less accurate, in [0, 1].
        within: leave out what is farther below the most accurate that is left, in points.

    Raises:
        RequestError: nothing is left to pick from.
    """
    left = [
        trial
        for trial in finished(trials)
        if (max_flops is None or (trial.train_flops or 0) <= max_flops)
        and (min_accuracy is None or (trial.accuracy or 0) >= min_accuracy)
    ]
    if within is not None and left:
        least = max(trial.accuracy or 0 for trial in left) - within / 100 - ROUNDING
        left = [trial for trial in left if (trial.accuracy or 0) >= least]
    if not left:
        asked = "" if max_flops is None and min_accuracy is None else " within those limits"
        raise RequestError(f"the search has no finished trial{asked} to export")
    members = front_of(left)
    if which == "front":
        return {f"trial-{trial.number}": trial for trial in members}
    return {which: {"knee": knee_of(left), "best": members[-1], "cheapest": members[0]}[which]}


def export_files(options: Namespace) -> None:
    """Write the configurations that the command line asks for, and print where they are."""
    trials = SearchTrials.load(open_home(options), options.name)
    for path in export(trials, options):
        sys.stdout.write(f"{path}\n")


def export(trials: SearchTrials, options: Namespace) -> list[Path]:
    """Write the picked configurations into a folder; returns the files.

    Raises:
        RequestError: nothing to export, or the folder cannot be written.
    """
    limits = (options.max_flops, options.min_accuracy, options.within)
    chosen = pick(trials.records(), options.pick, *limits)
    written = []
    for name, trial in chosen.items():
        path = options.out / f"{name}.{options.format}"
        try:
            with replacing(path) as file:
                file.write(FORMATS[options.format](document(trials, trial)).encode())
        except OSError as error:
            cause = error.strerror
            raise RequestError(f"--out {options.out}: cannot be written: {cause}") from None
        written.append(path)
    return written


def document(trials: SearchTrials, trial: TrialRecord) -> dict[str, Any]:
    """What is in a file: the whole configuration, and where it came from."""
    config = TrainConfig.from_dict(trial.config).to_dict()
    return config | {"provenance": provenance(trials, trial)}


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


FORMATS: dict[str, Callable[[dict[str, Any]], str]] = {
    "toml": tomli_w.dumps,
    "yaml": _yaml,
    "json": lambda document: json.dumps(document, indent=2) + "\n",
}
"""How a file is written, by its ending; `swast-train` reads them all."""


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
        "test_accuracy": trial.test_accuracy,
        "train_flops": trial.train_flops,
        "relative_flops": trial.relative_flops,
        "seconds": trial.seconds,
        "swast": version("swast"),
        "torch": version("torch"),
        "python": platform.python_version(),
        "machine": platform.platform(),
    }
    return {name: fact for name, fact in facts.items() if fact is not None}
