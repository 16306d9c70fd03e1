"""Shared by the tests of the engine: two configurations, and the reports of a worker."""

from __future__ import annotations

from search.engine.jobs import Failure
from swast.config import TrainConfig

TINY = TrainConfig().with_values(
    {"model": "mlp-small", "epochs": 5, "warmup_epochs": 1, "interval": 2, "device": "cpu"}
)
OTHER = TINY.with_values({"seed": 7, "prune.method": "none", "epochs": 2})


def reports(worker, job, most=99):
    """Return a worker's reports on a job, until its end or up to a number of them."""
    worker.start(job)
    found = []
    while len(found) < most:
        found.append(worker.step())
        if isinstance(found[-1], Failure) or found[-1].result is not None:
            break
    return found


def lasting(result):
    """Return the values of a result that do not depend on the clock, without its weights."""
    plain = result.to_dict()
    for name in ("seconds", "history", "rounds"):
        plain.pop(name, None)
    return plain | {
        "history": [{**epoch, "seconds": None} for epoch in result.to_dict()["history"]],
    }
