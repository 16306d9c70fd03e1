"""Facts of a trial in Optuna's storage, and the record made of them.

Score and cost are stored under the keys of the study's objectives, as version 0.1 stored accuracy
and training FLOPs; each version reads the other's homes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search.objectives import Objectives
from search.study.study_file import Study
from search.trials.trial_record import Reading, State, TrialRecord
from swast.config import TrainConfig

STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
OPTUNA_STATES = {state: theirs for theirs, state in STATES.items()}
SAME = ("epochs", "seconds", "environment", "reason", "rejected", "stopped_at", "run_id")
"""Facts of an outcome that are stored under the record's own names."""
LATE_RUN = "run-"
"""Leads the facts of a search that are MLflow runs made, or made again, after trials ended."""


def outcome_of(record: TrialRecord, objectives: Objectives) -> dict[str, Any]:
    """Return the facts to store of a trial's outcome, as plain values."""
    score, cost = objectives.score, objectives.cost
    return {name: getattr(record, name) for name in SAME} | {
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

    Args:
        study: of the search.
        trial: as Optuna has it.
        unit: the cost that counts as 1; None in a search of version 0.1 that does not know it.
    """
    kept = trial.user_attrs
    verdict, outcome = dict(kept.get("verdict", {})), kept.get("outcome", {})
    rungs = verdict.pop("rungs", {})
    # The outcome of a trial that runs is from its last pause, older than the verdict of a rung.
    facts = verdict | outcome if trial.state.is_finished() else outcome | verdict
    config = TrainConfig.from_dict(kept["config"]) if kept.get("config") else None
    score, cost = study.objectives.score, study.objectives.cost
    return TrialRecord(
        number=trial.number,
        state=_state(trial),
        params={} if config is None else study.searched(config),
        config=config,
        reference=kept.get("reference"),
        score=facts.get(score.key),
        cost=facts.get(cost.absolute_key),
        unit=unit or own_unit(facts, study.objectives),
        predicted_cost=kept.get("begun", {}).get("predicted_flops"),
        bill=facts.get("flops", {}),
        shared=facts.get("shared_flops", 0),
        rungs={int(epoch): value for epoch, value in rungs.items()},
        retries=kept.get("retries", 0),
        ended=None if trial.datetime_complete is None else trial.datetime_complete.isoformat(),
        **{name: facts[name] for name in SAME if name in facts},
    )


def own_unit(facts: Mapping[str, Any], objectives: Objectives) -> float | None:
    """Return the cost that counted as 1 when an outcome was stored; None if it has no cost."""
    cost = facts.get(objectives.cost.absolute_key)
    relative = facts.get(objectives.cost.key)
    return round(cost / relative) if cost and relative else None


def recorded_unit(study: Study, trials: Iterable[FrozenTrial]) -> float | None:
    """Return the unit of a search of version 0.1, which divided each trial by its own dense cost.

    That of a trial with the network and the epochs of ``[fixed]`` is the study's. None if no such
    trial has finished.
    """
    for trial in trials:
        config = trial.user_attrs.get("config", {})
        if all(config.get(name) == getattr(study.fixed, name) for name in ("model", "epochs")):
            unit = own_unit(trial.user_attrs.get("outcome", {}), study.objectives)
            if unit is not None:
                return unit
    return None


def late_run(record: TrialRecord, kept: Mapping[str, Any]) -> TrialRecord:
    """Return a record with its latest MLflow run, from the facts of its search."""
    return replace(record, run_id=kept.get(f"{LATE_RUN}{record.number}") or record.run_id)


def _state(trial: FrozenTrial) -> State:
    """Return the state of a trial; Optuna has no word for paused."""
    paused = trial.state == TrialState.RUNNING and trial.user_attrs.get("paused")
    return "paused" if paused else STATES[trial.state]


def readings_of(kept: Mapping[str, Any], objectives: Objectives) -> dict[int, dict[int, Reading]]:
    """Return readings by trial and seed, from the facts of a search."""
    score, cost = objectives.score, objectives.cost
    found: dict[int, dict[int, Reading]] = defaultdict(dict)
    for key, values in kept.items():
        if key.startswith("reading-"):
            _, number, seed = key.split("-")
            found[int(number)][int(seed)] = Reading(
                values[score.metric], values[f"test_{score.key}"], values[cost.absolute_key]
            )
    return found
