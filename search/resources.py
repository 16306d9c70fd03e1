"""What a search may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What a search may use.

    Attributes:
        gpus: GPUs in all; 0 trains on CPUs.
        cpus_per_trial: CPU cores a trial.
        gpus_per_trial: GPUs a trial, fractions allowed.
        address: of a running Ray cluster; None starts Ray on this machine.
    """

    gpus: int
    cpus_per_trial: float
    gpus_per_trial: float
    address: str | None = None
