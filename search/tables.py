"""The tables of a study file that say how it is run and measured: typed, and checked when read."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import ClassVar

from swast.errors import ConfigError
from swast.settings import Table, setting

NO_LIMIT = sys.float_info.max
"""What a limit is where none is set."""


@dataclass(frozen=True, kw_only=True)
class HalvingConfig(Table):
    """When trials are compared, and how many of them go on (see `search.halving`)."""

    table: ClassVar[str] = "halving"

    grace: int = setting(1, "epochs before the first rung", low=1)
    reduction: int = setting(
        3, "η: a rung lets 1/η go on, the next is at η times its epoch; 1 stops nothing", low=1
    )
    brackets: int = setting(1, "schedules taken in turn; each starts η times later", low=1)


@dataclass(frozen=True, kw_only=True)
class Constraints(Table):
    """The most that one trial may cost; what is dearer is never started."""

    table: ClassVar[str] = "constraints"

    max_flops: float = setting(
        NO_LIMIT,
        "training FLOPs of one trial; the smaller of this and `--max-flops` holds",
        above=0,
    )
    max_relative_flops: float = setting(
        NO_LIMIT, "the same as a share of training dense on all data", above=0
    )

    def limit(self, dense_flops: int, max_flops: float | None) -> float | None:
        """The training FLOPs that a trial may cost, or None where nothing limits them.

        Args:
            dense_flops: of training dense on all data, above 0.
            max_flops: what the command line allows; None allows all.
        """
        allowed = [self.max_flops, NO_LIMIT if max_flops is None else max_flops]
        if self.max_relative_flops < NO_LIMIT:
            allowed.append(self.max_relative_flops * dense_flops)
        least = min(allowed)
        return None if least >= NO_LIMIT else least


@dataclass(frozen=True, kw_only=True)
class TrialResources(Table):
    """What one trial takes of the machine; the command line may say otherwise.

    Raises:
        ConfigError: a value is out of range, or GPUs above 1 are not whole.
    """

    table: ClassVar[str] = "resources"

    cpus_per_trial: float = setting(1.0, "CPU cores", above=0, high=10_000)
    gpus_per_trial: float = setting(
        1.0, "GPUs, where there are any; a fraction, or a whole number", above=0, high=10_000
    )
    memory_per_trial: float = setting(0.0, "GiB of memory; 0 for no limit", low=0, high=10**6)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gpus_per_trial > 1 and self.gpus_per_trial % 1:
            raise ConfigError(
                [
                    "resources.gpus_per_trial must be whole where it is above 1, "
                    f"got {self.gpus_per_trial:g}"
                ]
            )


@dataclass(frozen=True, kw_only=True)
class Objectives(Table):
    """The ends of the axes between which the hypervolume is measured (see `search.pareto`)."""

    table: ClassVar[str] = "objectives"

    reference_accuracy: float = setting(
        0.0, "accuracy that counts as none, as that of chance", low=0, below=1
    )
    least_relative_flops: float = setting(
        1e-4, "share of dense training's FLOPs that counts as all saved", above=0, below=1
    )


STANDARD = Objectives()
"""The axes where a study says nothing of them."""
