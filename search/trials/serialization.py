"""Facts of a trial in Optuna's storage, and the record made of them.

Score and cost are stored under the keys of the study's objectives, as version 0.1 stored accuracy
and training FLOPs; each version reads the other's homes.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search.objectives import Objectives
from search.samplers.problem import REPEATS
from search.store.tolerant_storage import DAMAGE
from search.study.study_file import Study
from search.trials.facts import (
    ANY,
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    WHOLE,
    Facts,
    cut,
    whole_number,
)
from search.trials.readings import Reading
from search.trials.trial_record import State, TrialRecord
from swast.config import TrainConfig
from swast.settings import FieldType, Setting, Table, subtables

STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
OPTUNA_STATES = {state: theirs for theirs, state in STATES.items()}
SAME: dict[str, tuple[FieldType, Setting]] = {
    "epochs": (WHOLE, COUNT),
    "seconds": (NUMBER, COUNT),
    "reason": (TEXT, ANY),
    "rejected": (FLAG, ANY),
    "stopped_at": (WHOLE, COUNT),
    "run_id": (TEXT, ANY),
}
"""Facts of an outcome that are stored under the record's own names, with their kinds."""
READING = re.compile(r"reading-(?P<number>\d{1,19})-(?P<seed>\d{1,19})", re.ASCII)
"""Name of the fact of a search that is a reading."""
LATE_RUN = "run-"
"""Leads the facts of a search that are MLflow runs made, or made again, after trials ended."""


def outcome_of(record: TrialRecord, objectives: Objectives) -> dict[str, Any]:
    """Return the facts to store of a trial's outcome, as plain values."""
    score, cost = objectives.score, objectives.cost
    return {name: getattr(record, name) for name in (*SAME, "environment")} | {
        score.key: record.score,
        cost.absolute_key: record.cost,
        cost.key: record.relative_cost,
        "flops": record.bill,
        "shared_flops": record.shared,
    }


def begun_of(record: TrialRecord) -> dict[str, Any]:
    """Return the facts to store of a trial that starts."""
    return {"predicted_flops": record.predicted_cost}


def record_of(study: Study, trial: FrozenTrial, unit: float | None) -> TrialRecord:
    """Return the record of one trial.

    A finished trial whose configuration, score or cost cannot be read counts as failed. Another
    fact that cannot be read counts as absent. The record's damage names both.

    Args:
        study: of the search.
        trial: as Optuna has it.
        unit: the cost that counts as 1; None in a search of version 0.1 that does not know it.
    """
    objectives, problems = study.objectives, list[str]()
    kept = Facts(trial.user_attrs, "", problems)
    verdict, outcome = kept.table("verdict"), kept.table("outcome")
    config = kept.made("config", known_config)
    params = {} if config is None else kept.made("config", lambda _: study.searched(config))
    score, cost = values_of(trial, outcome, objectives, problems)
    record = TrialRecord(
        number=trial.number,
        state=_state(trial),
        params=params or {},
        config=config,
        reference=reference_of(trial.user_attrs, study),
        repeats=repeats_of(trial.user_attrs),
        score=score,
        cost=cost,
        unit=unit or own_unit(outcome, objectives),
        predicted_cost=kept.table("begun").get("predicted_flops", NUMBER, None, COUNT),
        bill=outcome.table("flops").items(WHOLE, COUNT),
        shared=outcome.get("shared_flops", WHOLE, 0, COUNT),
        environment=outcome.table("environment").items(TEXT),
        rungs=rungs_of(verdict),
        retries=kept.get("retries", WHOLE, 0, COUNT),
        ended=None if trial.datetime_complete is None else trial.datetime_complete.isoformat(),
        **same_of(verdict, outcome, is_last=trial.state.is_finished()),
    )
    return checked(record, [trial.user_attrs[DAMAGE][1]] if DAMAGE in kept else problems)


def values_of(
    trial: FrozenTrial, outcome: Facts, objectives: Objectives, problems: list[str]
) -> tuple[float | None, float | None]:
    """Return score and cost of a trial: those of its outcome, else Optuna's own.

    A finished trial has both twice; if they differ, none is returned, and it is a problem.
    """
    found: list[float | None] = []
    keys = (objectives.score.key, objectives.cost.absolute_key)
    for key, stored in zip_longest(keys, (trial.values or [])[: len(keys)]):
        value = outcome.get(key, NUMBER)
        if None not in (value, stored) and not math.isclose(value, stored):
            problems.append(f"outcome.{key} is {value!r}, and {stored!r} in Optuna's own table")
            found.append(None)
        else:
            found.append(stored if value is None else value)
    return found[0], found[1]


def checked(record: TrialRecord, problems: Sequence[str]) -> TrialRecord:
    """Return a record with its damage; failed if a finished trial lacks a necessary fact.

    Args:
        record: as far as it could be read.
        problems: of the facts that could not be read.
    """
    done = record.state == "complete"
    lost = [name for name in ("config", "score", "cost") if done and getattr(record, name) is None]
    if done and record.seconds is None:
        record, problems = replace(record, seconds=0.0), [*problems, "it has no seconds"]
    if not problems and not lost:
        return record
    damage = f"damaged: {cut(problems[0]) if problems else f'it has no {lost[0]}'}"
    if lost:
        return replace(record, state="failed", reason=damage, damage=damage)
    if record.state == "failed":
        return replace(record, reason=record.reason or damage, damage=damage)
    return replace(record, damage=damage)


def same_of(verdict: Facts, outcome: Facts, *, is_last: bool) -> dict[str, Any]:
    """Return the facts of a trial that are stored under the record's own names.

    Args:
        verdict: of the last rung that it reached.
        outcome: of its end, or of its last pause.
        is_last: whether the outcome is newer than the verdict, which it is at the trial's end.
    """
    newer, older = (outcome, verdict) if is_last else (verdict, outcome)
    found = {
        name: (newer if name in newer else older).get(name, kind, None, limits)
        for name, (kind, limits) in SAME.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def known_config(values: Mapping[str, Any]) -> TrainConfig:
    """Return a stored configuration; fields of later versions are ignored.

    Raises:
        ConfigError: a field that is known is invalid.
    """
    return TrainConfig.from_dict(known_fields(TrainConfig, values))


def known_fields(table: type[Table], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the fields that a table has."""
    nested = subtables(table)  # type: ignore[arg-type]
    names = [each.name for each in dataclasses.fields(table)]
    return {
        name: known_fields(nested[name], value)
        if name in nested and isinstance(value, Mapping)
        else value
        for name, value in values.items()
        if name in names
    }


def reference_of(kept: Mapping[str, Any], study: Study) -> str | None:
    """Return the name of the reference that a trial is; None if its study has none of the name."""
    name = kept.get("reference")
    return name if isinstance(name, str) and name in study.references else None


def repeats_of(kept: Mapping[str, Any]) -> int | None:
    """Return the number of the trial whose configuration a trial repeats with another seed."""
    found: int | None = Facts(kept, "", []).get(REPEATS, WHOLE, None, COUNT)
    return found


def rungs_of(verdict: Facts) -> dict[int, float]:
    """Return the scores of a trial at its rungs, by epoch."""
    scores = verdict.table("rungs").items(NUMBER)
    return {epoch: value for name, value in scores.items() if (epoch := whole_number(name))}


def own_unit(outcome: Facts, objectives: Objectives) -> float | None:
    """Return the cost that counted as 1 when an outcome was stored; None if it has no cost."""
    cost = outcome.get(objectives.cost.absolute_key, NUMBER)
    relative = outcome.get(objectives.cost.key, NUMBER)
    return round(cost / relative) if cost and relative else None


def recorded_unit(study: Study, trials: Iterable[FrozenTrial]) -> float | None:
    """Return the unit of a search of version 0.1, which divided each trial by its own dense cost.

    That of a trial with the network and the epochs of ``[fixed]`` is the study's. None if no such
    trial has finished.
    """
    for trial in trials:
        facts = Facts(trial.user_attrs, "", [])
        config = facts.made("config", known_config)
        if config is not None and all(
            getattr(config, name) == getattr(study.fixed, name) for name in ("model", "epochs")
        ):
            unit = own_unit(facts.table("outcome"), study.objectives)
            if unit is not None:
                return unit
    return None


def late_run(record: TrialRecord, kept: Mapping[str, Any]) -> TrialRecord:
    """Return a record with its latest MLflow run, from the facts of its search."""
    late = Facts(kept, "", []).get(f"{LATE_RUN}{record.number}", TEXT)
    return replace(record, run_id=late or record.run_id)


def _state(trial: FrozenTrial) -> State:
    """Return the state of a trial; Optuna has no word for paused."""
    if trial.user_attrs.get(DAMAGE, ("",))[0] == TrialState.COMPLETE.name:
        return "complete"  # if its outcome has all that is needed
    paused = trial.state == TrialState.RUNNING and trial.user_attrs.get("paused") is True
    return "paused" if paused else STATES[trial.state]


def readings_of(kept: Mapping[str, Any], objectives: Objectives) -> dict[int, dict[int, Reading]]:
    """Return readings by trial and seed, from the facts of a search; damaged ones are left out."""
    score, cost = objectives.score, objectives.cost
    names = (score.metric, f"test_{score.key}", cost.absolute_key)
    found: dict[int, dict[int, Reading]] = defaultdict(dict)
    for key in kept:
        place = READING.fullmatch(key)
        if place:
            problems: list[str] = []
            facts = Facts(kept[key], "", problems)
            reading = Reading(*(facts.get(name, NUMBER) for name in names))
            if not problems and None not in (reading.score, reading.cost):
                found[int(place["number"])][int(place["seed"])] = reading
    return found
