"""Exported files: a configuration, its origin and results, and digests that reveal edits.

The digests guard against accidents, not against forgery: they can be recomputed after an edit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.errors import RequestError
from search.export.facts import check_results, read_origin
from search.objectives import STANDARD, Objectives, choose
from search.trials.further import scores_by_seed, trainings_of
from search.trials.repository import SearchTrials
from search.trials.trial_record import TrialRecord
from swast import trust
from swast.config import TrainConfig, flatten, read_tables
from swast.errors import MOST_SHOWN, ConfigError, cut

CONFIG, RECORD = "config_digest", "record_digest"
NEEDED = ("search", "trial", CONFIG, RECORD)


@dataclass(frozen=True)
class Exported:
    """Exported file that was not edited.

    Attributes:
        path: of the file.
        config: the configuration.
        provenance: of the configuration (see `provenance`).
        objectives: score and cost that it was recorded with.
    """

    path: Path
    config: TrainConfig
    provenance: Mapping[str, Any]
    objectives: Objectives = STANDARD

    @property
    def score(self) -> float:
        """Recorded validation score."""
        return float(self.provenance[self.objectives.score.metric])

    @property
    def cost(self) -> float:
        """Recorded cost."""
        return float(self.provenance[self.objectives.cost.absolute_key])

    @property
    def origin(self) -> str:
        """The trial, in words."""
        return f"trial {self.provenance['trial']} of {self.provenance['search']}"


def document(
    trials: SearchTrials, trial: TrialRecord, records: Sequence[TrialRecord] = ()
) -> dict[str, Any]:
    """Return the contents of a file: the whole configuration, and its provenance.

    Args:
        trials: the search.
        trial: the training that the file repeats.
        records: the search's trials, with further trainings of its configuration.
    """
    if trial.config is None:
        raise RequestError(f"trial {trial.number} has no configuration to export")
    config = trial.config.to_dict()
    facts = provenance(trials, trial, records) | {CONFIG: digest(config)}
    return config | {"provenance": facts | {RECORD: digest(facts)}}


def provenance(
    trials: SearchTrials, trial: TrialRecord, records: Sequence[TrialRecord] = ()
) -> dict[str, Any]:
    """Return the origin of a configuration and its results.

    ``identity`` has data and code by content (see `swast.identity`). ``trained_on`` has the
    versions and the hardware of the training. If these were not recorded, ``exported_on`` has
    those of this process. ``estimate`` has the score of the configuration over seeds, and
    ``readings`` those of its trainings in the search; the results beside them are those of the
    trial alone, which the file repeats. ``confirmed`` has the scores of trainings that were read
    on the test set.
    """
    info = trials.info
    score, cost = info.objectives.score, info.objectives.cost
    facts = {
        "search": info.name,
        "search_uid": info.uid,
        "study": info.study.name,
        "sampler": info.sampler,
        "sampler_seed": info.seed,
        "trial": trial.number,
        "repeats": trial.repeats,
        "reference": trial.reference,
        "mlflow_run": trial.run_id,
        "ended": trial.ended,
        score.metric: trial.score,
        f"test_{score.key}": trial.test_score,
        cost.absolute_key: trial.cost,
        cost.key: trial.relative_cost,
        "cost": None if cost.choice == STANDARD.cost.choice else cost.choice,
        "seconds": trial.seconds,
        "seed": None if trial.config is None else trial.config.seed,
        "threads": None if trial.config is None else trial.config.threads,
        "identity": info.identity,
        trust.MACHINE: trust.machine(),
    }
    known = {name: fact for name, fact in facts.items() if fact is not None}
    known |= _estimated(trial, records, info.objectives)
    return known | _confirmed(trial, info.objectives) | _environment(trial)


def _estimated(
    trial: TrialRecord, records: Sequence[TrialRecord], objectives: Objectives
) -> dict[str, Any]:
    """Return the estimate of a trial's configuration and its readings, if it is estimated."""
    trainings = trainings_of(trial, records) or [trial]
    made = trainings[0].estimate
    if made is None:
        return {}
    scores = scores_by_seed(trainings)
    return {
        "estimate": made.to_dict(objectives),
        "readings": {
            "seeds": list(scores),
            plural(objectives.score.metric): list(scores.values()),
        },
    }


def _confirmed(trial: TrialRecord, objectives: Objectives) -> dict[str, Any]:
    """Return the scores of a trial that was trained with several seeds; else nothing."""
    score = objectives.score
    if len(trial.readings) < 2:
        return {}
    seeds = sorted(trial.readings)
    found: dict[str, Any] = {
        "seeds": seeds,
        plural(score.metric): [trial.readings[seed].score for seed in seeds],
    }
    tests = [trial.readings[seed].test_score for seed in seeds]
    if None not in tests:
        found[plural(f"test_{score.key}")] = tests
    return {"confirmed": found}


def plural(name: str) -> str:
    """Return the plural of a name of a value, as ``val_accuracies``."""
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _environment(trial: TrialRecord) -> dict[str, Any]:
    """Return versions and hardware of a trial's training; of this process if those are unknown."""
    if trial.environment:
        return {"trained_on": dict(trial.environment)}
    import torch

    from swast.environment import environment

    return {"exported_on": environment(torch.device("cpu"))}


def digest(tables: Mapping[str, Any]) -> str:
    """Return the SHA-256 of nested tables of plain values; the order of fields does not matter."""
    text = json.dumps(tables, sort_keys=True, ensure_ascii=False, default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def read_exported(path: Path, storage: str | None = None) -> Exported:
    """Read an exported file, and check that it was not edited.

    Args:
        path: of a TOML, YAML or JSON file.
        storage: URL of the storage that may have the search, to name the edited fields.

    Raises:
        ConfigError: it cannot be read, or is no valid configuration.
        RequestError: it was not exported, or was edited since.
    """
    tables = read_tables(path)
    facts = tables.pop("provenance", None)
    if not isinstance(facts, Mapping):
        raise RequestError(f"{path}: no [provenance]; this takes what swast-search export writes")
    missing = [name for name in NEEDED if name not in facts]
    if missing:
        raise RequestError(f"{path}: [provenance] lacks {', '.join(missing)}; export it again")
    try:
        origin = read_origin(facts)
    except ConfigError as error:
        raise error.within(str(path)) from None
    if digest(tables) != facts[CONFIG]:
        raise RequestError(
            f"{path}: the configuration was edited since it was exported"
            f"{_edits(tables, facts, storage)}; export it again, or train it with swast-train"
        )
    if digest({name: fact for name, fact in facts.items() if name != RECORD}) != facts[RECORD]:
        raise RequestError(
            f"{path}: [provenance] was edited since it was exported; export it again"
        )
    try:
        objectives = choose(origin.cost)
        check_results(facts, objectives)
        return Exported(path, TrainConfig.from_dict(tables), facts, objectives)
    except ConfigError as error:
        raise error.within(str(path)) from None


def _edits(tables: Mapping[str, Any], facts: Mapping[str, Any], storage: str | None) -> str:
    """Return the edited fields in words; nothing if the search is not in the storage."""
    recorded = _recorded(facts, storage)
    if recorded is None:
        return ""
    here, there = flatten(tables), flatten(recorded)
    edits = [
        f"{name} is {cut(str(here.get(name, 'missing')), MOST_SHOWN)}, "
        f"was {cut(str(there.get(name, 'not there')), MOST_SHOWN)}"
        for name in there | here
        if here.get(name) != there.get(name)
    ]
    return f" ({', '.join(edits)})" if edits else ""


def _recorded(facts: Mapping[str, Any], storage: str | None) -> dict[str, Any] | None:
    """Return the configuration of a file's trial from the storage; None if it is not there."""
    if storage is None:
        return None
    try:
        trials = SearchTrials.load(storage, str(facts["search"]))
    except (RequestError, ConfigError):
        return None
    if trials.info.uid != facts.get("search_uid"):
        return None
    configs = {trial.number: trial.config for trial in trials.records()}
    config = configs.get(facts["trial"])
    return None if config is None else config.to_dict()
