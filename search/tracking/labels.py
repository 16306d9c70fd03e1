"""What the runs of a search and of its trials are called in MLflow, and marked with."""

from __future__ import annotations

import math
from typing import Literal

import tomli_w

from search.info import SearchInfo
from search.records import ENDED, TrialRecord, hypervolume_of
from search.standing import Standing
from search.tracking.mirror import PARENT, SOURCE, Fixed
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
CHARTED = ("relative_flops", "log10_train_flops")
"""The costs of a whole training as metrics: MLflow's charts have no logarithmic axis."""


def search_run(info: SearchInfo, experiment_id: str) -> Fixed:
    """What never changes of a search's run."""
    return Fixed(
        experiment_id=experiment_id,
        name=info.name,
        params={"budget": info.budget, "sampler": info.sampler, "seed": info.seed},
        texts={"study.toml": info.study.source},
    )


def search_tags(info: SearchInfo) -> dict[str, str]:
    """The tags of a running search's run."""
    return {
        SOURCE: TOOL,
        "search": info.name,
        "search_uid": info.uid,
        "study": info.study.name,
        "state": "running",
    }


def trial_run(info: SearchInfo, record: TrialRecord, experiment_id: str) -> Fixed:
    """What never changes of a trial's run."""
    return Fixed(
        experiment_id=experiment_id,
        name=info.run_name(record.label),
        params=flatten(record.config),
        texts={"config.toml": tomli_w.dumps(record.config)} if record.config else {},
        data=record.config.get("data"),
    )


def trial_tags(
    info: SearchInfo, record: TrialRecord, parent: str, rank: int | None
) -> dict[str, str]:
    """The tags of a trial's run.

    Args:
        info: what the search is.
        record: the trial.
        parent: id of the search's run.
        rank: the trial's non-dominated rank, 0 on the front; None if it has none.
    """
    rung = None if record.stopped_at is None else f"epoch {record.stopped_at}"
    passing = {"reference": record.reference, "reason": record.reason, "rung": rung}
    passing |= standing(rank)
    return {
        PARENT: parent,
        SOURCE: TOOL,
        "search": info.name,
        "search_uid": info.uid,
        "trial": str(record.number),
        "state": record.state,
    } | {key: text for key, text in passing.items() if text}


def standing(rank: int | None) -> dict[str, str]:
    """The tags that say how a trial stands among the finished ones."""
    if rank is None:
        return {}
    return {"rank": str(rank)} | ({"pareto": "true"} if rank == 0 else {})


def search_values(info: SearchInfo, trials: Standing) -> tuple[dict[str, float], int]:
    """The metrics of a search so far, and their step: how many trials are finished."""
    values = {
        "hypervolume": hypervolume_of(trials.members, info.study.objectives),
        "front_size": len(trials.members),
        "flops_spent": trials.flops_spent,
    }
    return values, trials.count("complete")


def final_values(record: TrialRecord) -> dict[str, float]:
    """The metrics of a trial that ended; none of one that goes on."""
    if record.state not in ENDED:
        return {}
    values = {"seconds": record.seconds or 0.0}
    if record.state == "complete":
        values["relative_flops"] = record.relative_flops or 0.0
        values["log10_train_flops"] = math.log10(record.train_flops or 1)
    return values
