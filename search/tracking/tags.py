"""Names, parameters, tags and metrics of the runs of a search and its trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from search.objectives import Objectives
from search.pareto import POSSIBLE
from search.tracking.run_sync import LOGGED, PARENT, SOURCE, Fixed
from search.tracking.runs import ROOT
from search.trials.further import candidates_of
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState
from search.trials.trial_record import ENDED, TrialRecord, ranks_of
from swast.config import flatten

STATUSES = {
    "running": "RUNNING",
    "paused": "SCHEDULED",
    "complete": "FINISHED",
    "pruned": "KILLED",
    "failed": "FAILED",
}
"""MLflow's status of a trial's run, by the trial's state."""
Ending = Literal["finished", "failed", "paused"]
ENDINGS: dict[Ending, str] = {"finished": "FINISHED", "failed": "FAILED", "paused": "KILLED"}
"""MLflow's status of a search's run, by how the search ended."""
TOOL = "swast-search"


def search_run(info: SearchInfo, experiment_id: str) -> Fixed:
    """Return the constant part of a search's run."""
    lag = {} if info.lag is None else {"lag": info.lag}
    return Fixed(
        experiment_id=experiment_id,
        name=info.name,
        params={"budget": info.budget, "sampler": info.sampler, "seed": info.seed} | lag,
        texts={"study.toml": info.study.source},
    )


def search_tags(info: SearchInfo) -> dict[str, str]:
    """Return the tags of a running search's run."""
    return {
        SOURCE: TOOL,
        "search": info.name,
        "search_uid": info.uid,
        "study": info.study.name,
        "state": "running",
    }


def trial_run(info: SearchInfo, record: TrialRecord, experiment_id: str) -> Fixed:
    """Return the constant part of a trial's run."""
    return Fixed(
        experiment_id=experiment_id,
        name=info.run_name(record.label),
        params={} if record.config is None else flatten(record.config.to_dict()),
        texts={} if record.config is None else {"config.toml": record.config.to_toml()},
        data=None if record.config is None else record.config.data,
    )


def trial_tags(
    info: SearchInfo, record: TrialRecord, parent: str, standing: Mapping[str, str]
) -> dict[str, str]:
    """Return the tags of a trial's run.

    Args:
        info: the search.
        record: the trial.
        parent: id of the search's run.
        standing: the tags of the trial's standing (see `standing_tags`).
    """
    rung = None if record.stopped_at is None else f"epoch {record.stopped_at}"
    optional = {"reference": record.reference, "reason": record.reason, "rung": rung}
    if record.repeats is not None:
        optional |= {"repeats": str(record.repeats), ROOT: parent}
    optional |= standing
    return {
        PARENT: parent,
        SOURCE: TOOL,
        "search": info.name,
        "search_uid": info.uid,
        "trial": str(record.number),
        "state": record.state,
    } | {key: text for key, text in optional.items() if text}


STANDING = ("rank", "pareto", "candidate")
"""Tags of a configuration's standing in its search."""


def standings(
    trials: Sequence[TrialRecord], objectives: Objectives
) -> Mapping[int, Mapping[str, str]]:
    """Return the tags of each configuration's standing: its rank, member or candidate."""
    possible = {trial.number for trial in candidates_of(trials, objectives)}
    return {
        number: {"rank": str(rank)}
        | ({"pareto": "true"} if rank == 0 else {})
        | ({"candidate": "true"} if number in possible else {})
        for number, rank in ranks_of(trials, objectives).items()
    }


def estimated_values(record: TrialRecord) -> dict[str, float]:
    """Return the metrics of a configuration's estimate, rounded: small changes are not sent."""
    made = record.estimate
    if made is None:
        return {}
    digits = 4 if made.front >= POSSIBLE else 3
    return {
        "estimate": round(made.score, digits),
        "estimate_error": round(made.error, digits),
        "readings": made.readings,
        "front_probability": round(made.front, 2),
    }


def search_values(state: SearchState) -> tuple[dict[str, float], int]:
    """Return the metrics of a search so far, and their step: the number of finished trials."""
    values = {
        "hypervolume": state.hypervolume,
        "front_size": len(state.members),
        "flops_spent": state.spent,
    }
    return values, state.count("complete")


def final_values(record: TrialRecord, objectives: Objectives) -> dict[str, float]:
    """Return the metrics of a trial that has ended; none of an open one."""
    if record.state not in ENDED:
        return {}
    values = {"seconds": record.seconds or 0.0}
    if record.state == "complete":
        cost = objectives.cost
        values[cost.metric] = record.relative_cost or 0.0
        if cost.absolute_key not in LOGGED:  # else it is a metric of every epoch
            values[cost.absolute_key] = record.cost or 0.0
        if cost.log:
            values[cost.log_metric] = math.log10(record.cost or 1)
    return values
