"""Export of configurations as files that `swast-train` trains again to the same result."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from search.errors import RequestError
from search.export.provenance import document, read_exported
from search.objectives import STANDARD, Objectives, Score
from search.store.home import open_home
from search.trials.further import scores_by_seed, trainings_of, undominated, value_text
from search.trials.repository import SearchTrials
from search.trials.trial_record import (
    TrialRecord,
    configurations,
    finished,
    front_of,
    knee_of,
    worthwhile,
)
from swast.outputs import write_output
from swast.printing import err, out

ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Bounds on the trials to pick from.

    Attributes:
        most_cost: leave out more expensive trials.
        least_score: leave out trials with a worse score; None leaves out those whose score is
            worth nothing to the study.
        within: leave out trials whose score is farther below the best one left, in the unit that
            the score is printed in, as points of accuracy; infinite for no bound.
    """

    most_cost: float = math.inf
    least_score: float | None = None
    within: float = math.inf

    def among(self, trials: Sequence[TrialRecord], objectives: Objectives) -> list[TrialRecord]:
        """Return the configurations within the bounds; estimates count where there are any.

        Raises:
            RequestError: there is none.
        """
        score, done = objectives.score, configurations(trials)
        if self.least_score is None:
            left = worthwhile(done, objectives)
        else:
            bar = score.rising(self.least_score)
            left = [trial for trial in done if _risen(trial, score) >= bar]
        left = [trial for trial in left if (trial.cost or 0) <= self.most_cost]
        if left and self.within < math.inf:
            best = max(_risen(trial, score) for trial in left)
            least = best - self.within / score.factor - ROUNDING
            left = [trial for trial in left if _risen(trial, score) >= least]
        if left:
            return left
        if done and self.least_score is None and not worthwhile(done, objectives):
            raise RequestError(
                f"no finished trial is better than the study's reference of "
                f"{score.text(score.reference)}; --min-accuracy 0 exports one all the same"
            )
        bounded = self.least_score is not None or self.most_cost < math.inf
        where = " within those limits" if bounded else ""
        raise RequestError(f"the search has no finished trial{where} to export")


def _risen(trial: TrialRecord, score: Score) -> float:
    """Return the score of a configuration, turned so that more is better."""
    return float(score.rising(-math.inf if trial.value is None else trial.value))


def pick(
    trials: Sequence[TrialRecord],
    which: str,
    objectives: Objectives = STANDARD,
    bounds: Bounds | None = None,
) -> dict[str, TrialRecord]:
    """Return the configurations that a pick selects, by the name of the file to write.

    Where scores are estimated, the pick is among the members of the front that are left; if none
    is left, among the configurations that no other one left dominates.

    Args:
        trials: of one search.
        which: ``knee``, ``best`` (best score; the cheapest of equals), ``cheapest``, ``front``.
        objectives: of the study.
        bounds: on the trials to pick from.

    Raises:
        RequestError: no trial is left to pick from.
    """
    left = (bounds or Bounds()).among(trials, objectives)
    members = front_of(left, objectives) or undominated(left, objectives)
    if which == "front":
        return {f"trial-{trial.number}": trial for trial in members}
    knee = knee_of(members, objectives)
    best = max(members, key=lambda trial: _risen(trial, objectives.score))
    return {which: {"knee": knee, "best": best, "cheapest": members[0]}[which]}


def export_files(options: Namespace) -> None:
    """Write the configurations that the command line selects, and print their paths.

    With ``--verify`` they are trained again and compared with the records; with ``--model`` the
    trained networks are exported as well.

    Raises:
        RequestError: the request was wrong; nothing was written.
        MismatchError: a training gave another result; no network was exported.
    """
    trials = SearchTrials.load(open_home(options), options.name)
    if options.seeds and not options.verify:
        raise RequestError("--seeds K trains further seeds for --verify; add --verify")
    if options.verify or options.model:
        export_and_train(trials, options)
    else:
        show_paths(export(trials, options))


def export_and_train(trials: SearchTrials, options: Namespace) -> None:
    """Write configurations and train them again; verify them, export networks, or both."""
    from search.export.verify import retraining_of, verify_all

    retraining = retraining_of(options)
    if options.model:
        from search.export import network

        network.check(options, picked(trials, options, trials.estimated()).values())
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
    """Print the paths of files, one per line."""
    for path in paths:
        out(f"{path}")


def picked(
    trials: SearchTrials, options: Namespace, records: Sequence[TrialRecord]
) -> dict[str, TrialRecord]:
    """Return the trials that the command line picks (see `pick`) among those of a search.

    Raises:
        RequestError: no trial is left to pick from, or ``--max-flops`` does not fit the cost.
    """
    objectives = trials.info.objectives
    if options.max_flops is not None and objectives.cost.choice != STANDARD.cost.choice:
        raise RequestError(
            f"--max-flops limits {STANDARD.cost.noun}, but the cost of search "
            f"{trials.info.name!r} is {objectives.cost.noun}; leave --max-flops out"
        )
    if options.trial is not None:
        return {f"trial-{options.trial}": numbered(options.trial, records)}
    bounds = Bounds(
        most_cost=math.inf if options.max_flops is None else options.max_flops,
        least_score=options.min_accuracy,
        within=math.inf if options.within is None else options.within,
    )
    return pick(records, options.pick, objectives, bounds)


def numbered(number: int, records: Sequence[TrialRecord]) -> TrialRecord:
    """Return the finished trial of a number.

    Raises:
        RequestError: there is none.
    """
    for record in finished(records):
        if record.number == number:
            return record
    raise RequestError(f"--trial {number}: the search has no finished trial of this number")


def export(trials: SearchTrials, options: Namespace) -> list[Path]:
    """Write the picked configurations into a folder, and return the files.

    Estimates are printed to the error stream, as paths alone go to standard output.

    Raises:
        RequestError: there is nothing to export, or the folder cannot be written.
    """
    records = trials.estimated()
    write, score = WRITERS[options.format], trials.info.objectives.score
    chosen = picked(trials, options, records)
    texts = {
        options.out / f"{name}.{options.format}": write(document(trials, trial, records))
        for name, trial in chosen.items()
    }
    for path, text in texts.items():
        try:
            write_output(path, text)
        except OSError as error:
            cause = error.strerror
            raise RequestError(f"--out {options.out}: cannot be written: {cause}") from None
    for trial in chosen.values():
        if trial.estimate is not None:
            err(f"{trial.label}: {readings_text(trial, records, score)}")
    return list(texts)


def readings_text(trial: TrialRecord, trials: Sequence[TrialRecord], score: Score) -> str:
    """Return the estimate of a configuration and its readings, in words."""
    scores = scores_by_seed(trainings_of(trial, trials))
    read = ", ".join(f"{score.text(value)} with seed {seed}" for seed, value in scores.items())
    return f"{score.name} {value_text(trial, score)}; read as {read}"


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "toml": tomli_w.dumps,
    "yaml": _yaml,
    "json": lambda document: json.dumps(document, indent=2) + "\n",
}
"""Functions that write a file, by its ending; `swast-train` reads all of them."""
