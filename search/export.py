"""Configurations out of a search, as files that `swast-train` runs again to the same result."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from search.errors import RequestError
from search.provenance import document, read_exported
from search.records import TrialRecord, finished, front_of, knee_of
from search.show import open_home
from search.trials import SearchTrials
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
    """Write the configurations that the command line asks for, and print where they are.

    With ``--verify`` they are trained again and have to hold; with ``--model`` the networks that
    they train are exported as well.

    Raises:
        RequestError: the request was wrong; nothing was written.
        MismatchError: a configuration does not hold; no network was exported.
    """
    trials = SearchTrials.load(open_home(options), options.name)
    if options.seeds and not options.verify:
        raise RequestError("--seeds K trains further seeds for --verify; add --verify")
    if options.verify or options.model:
        export_and_train(trials, options)
    else:
        show_paths(export(trials, options))


def export_and_train(trials: SearchTrials, options: Namespace) -> None:
    """Write configurations, train them, and verify them, export their networks, or both."""
    from search.verify import retraining_of, verify_all

    retraining = retraining_of(options)
    if options.model:
        from search import network

        network.check(options, picked(trials, options).values())
    paths = export(trials, options)
    show_paths(paths)
    files = [read_exported(path) for path in paths]
    if options.verify:
        trained = verify_all(files, retraining, options.seeds)
    else:
        trained = [retraining.train(each.config) for each in files]
    if options.model:
        network.export_networks(files, trained, retraining, network.tracking_of(options))


def show_paths(paths: Sequence[Path]) -> None:
    """Print where files are, a line each, at once."""
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    sys.stdout.flush()


def picked(trials: SearchTrials, options: Namespace) -> dict[str, TrialRecord]:
    """The trials that the command line asks for (see `pick`)."""
    limits = (options.max_flops, options.min_accuracy, options.within)
    return pick(trials.records(), options.pick, *limits)


def export(trials: SearchTrials, options: Namespace) -> list[Path]:
    """Write the picked configurations into a folder; returns the files.

    Raises:
        RequestError: nothing to export, or the folder cannot be written.
    """
    texts = {
        options.out / f"{name}.{options.format}": FORMATS[options.format](document(trials, trial))
        for name, trial in picked(trials, options).items()
    }
    for path, text in texts.items():
        try:
            with replacing(path) as file:
                file.write(text.encode())
        except OSError as error:
            cause = error.strerror
            raise RequestError(f"--out {options.out}: cannot be written: {cause}") from None
    return list(texts)


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


FORMATS: dict[str, Callable[[dict[str, Any]], str]] = {
    "toml": tomli_w.dumps,
    "yaml": _yaml,
    "json": lambda document: json.dumps(document, indent=2) + "\n",
}
"""How a file is written, by its ending; `swast-train` reads them all."""
