"""What is kept of a trial with it in Optuna's storage, and the record that it makes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search.records import Reading, State, TrialRecord
from search.study import Study
from swast.config import TrainConfig

STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
TOLD = {state: told for told, state in STATES.items()}
OUTCOME = (
    "accuracy",
    "train_flops",
    "relative_flops",
    "epochs",
    "seconds",
    "flops",
    "environment",
    "shared_flops",
    "reason",
    "rejected",
    "stopped_at",
    "run_id",
)
LATE_RUN = "run-"
"""Leads the facts of a search that are MLflow runs made after their trials had ended."""


def outcome_of(record: TrialRecord) -> dict[str, Any]:
    """What is kept of how a trial went, as plain values."""
    return {name: getattr(record, name) for name in OUTCOME}


def record_of(study: Study, trial: FrozenTrial) -> TrialRecord:
    """What is known of one trial."""
    kept = trial.user_attrs
    config, verdict = kept.get("config"), dict(kept.get("verdict", {}))
    rungs, outcome = verdict.pop("rungs", {}), kept.get("outcome", {})
    # That of a trial that runs is from its last pause, older than what a rung has said since.
    facts = verdict | outcome if trial.state.is_finished() else outcome | verdict
    return TrialRecord(
        number=trial.number,
        state=_state(trial),
        params=study.searched(TrainConfig.from_dict(config)) if config else {},
        config=config or {},
        reference=kept.get("reference"),
        retries=kept.get("retries", 0),
        ended=None if trial.datetime_complete is None else trial.datetime_complete.isoformat(),
        rungs={int(epoch): accuracy for epoch, accuracy in rungs.items()},
        **kept.get("begun", {}),
        **facts,
    )


def late_run(record: TrialRecord, kept: Mapping[str, Any]) -> TrialRecord:
    """A record with its MLflow run, if that was made late, from the facts of its search."""
    return replace(record, run_id=record.run_id or kept.get(f"{LATE_RUN}{record.number}"))


def _state(trial: FrozenTrial) -> State:
    """How a trial stands; Optuna has no word for paused."""
    paused = trial.state == TrialState.RUNNING and trial.user_attrs.get("paused")
    return "paused" if paused else STATES[trial.state]


def readings_of(kept: Mapping[str, Any]) -> dict[int, dict[int, Reading]]:
    """Readings by trial and seed, from the facts of a search."""
    found: dict[int, dict[int, Reading]] = defaultdict(dict)
    for key, values in kept.items():
        if key.startswith("reading-"):
            _, number, seed = key.split("-")
            found[int(number)][int(seed)] = Reading(**values)
    return found
