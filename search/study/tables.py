"""Tables of a study file beside the space: typed, and checked when read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from search import objectives
from search.objectives import Objectives
from swast.config.optim import MOST_EPOCHS
from swast.errors import ConfigError
from swast.settings import FieldType, Setting, Table, check, setting

LEAST_UNITS, MOST_UNITS = 0.01, 10_000
"""CPU cores or GPUs of a trial."""
LEAST_MEMORY, MOST_MEMORY = 0.001, 10**6
"""GiB of a trial."""
MOST_FLOPS = 1e30
"""The largest limit of training FLOPs."""
MOST_SEEDS = 1000
"""The most further seeds of a training."""
AUTO = "auto"
REPLICATES = (AUTO, *map(str, range(MOST_SEEDS + 1)))
"""Values of the option ``--replicates``."""


def check_whole_gpus(gpus: float | None, name: str) -> None:
    """Refuse a number of GPUs for a trial that is above 1 and not whole.

    Raises:
        ConfigError: naming the setting.
    """
    if gpus is not None and gpus > 1 and gpus % 1:
        raise ConfigError([f"{name} must be whole where it is above 1, got {gpus:g}"])


@dataclass(frozen=True, kw_only=True)
class HalvingConfig(Table):
    """Epochs at which trials are compared, and how many continue (see `search.loop.halving`)."""

    table: ClassVar[str] = "halving"

    grace: int = setting(1, "epochs before the first rung", low=1, most=MOST_EPOCHS)
    reduction: int = setting(
        3,
        "η: 1/η of the trials at a rung continue, to the next at η times its epoch; 1 stops none",
        low=1,
        most=MOST_EPOCHS,
    )
    brackets: int = setting(
        1, "schedules taken in turn; each starts η times later", low=1, most=MOST_EPOCHS
    )


@dataclass(frozen=True, kw_only=True)
class Constraints(Table):
    """The most that one trial may cost; the search never starts a more expensive one."""

    table: ClassVar[str] = "constraints"

    max_flops: float = setting(
        math.inf,
        "training FLOPs of one trial; the smaller of this and `--max-flops` holds",
        above=0,
        most=MOST_FLOPS,
    )
    max_relative_flops: float = setting(
        math.inf,
        "the same, relative to dense training of `[fixed]` on all data",
        above=0,
        most=1e20,
    )

    def limit(self, unit: float, max_cost: float = math.inf) -> float:
        """Return the most that a trial may cost; infinite for no limit.

        Args:
            unit: cost of dense training of ``[fixed]`` on all data.
            max_cost: limit of the command line.
        """
        return min(self.max_flops, self.max_relative_flops * unit, max_cost)


@dataclass(frozen=True, kw_only=True)
class TrialResources(Table):
    """CPUs, GPUs and memory of one trial; options of the command line take precedence.

    Raises:
        ConfigError: a value is out of range, or GPUs above 1 are not whole.
    """

    table: ClassVar[str] = "resources"

    cpus_per_trial: float = setting(1.0, "CPU cores", above=0, least=LEAST_UNITS, high=MOST_UNITS)
    gpus_per_trial: float = setting(
        1.0,
        "GPUs, where there are any; a fraction, or a whole number",
        above=0,
        least=LEAST_UNITS,
        high=MOST_UNITS,
    )
    memory_per_trial: float = setting(
        math.inf, "GiB of memory; 0 for no limit", low=0, high=MOST_MEMORY
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory_per_trial == 0:  # no limit, in files made for version 0.1
            object.__setattr__(self, "memory_per_trial", math.inf)
        elif self.memory_per_trial < LEAST_MEMORY:
            least = f"at least {LEAST_MEMORY:g}, or 0 for no limit"
            found = f"got {self.memory_per_trial:g}"
            raise ConfigError([f"resources.memory_per_trial must be {least}, {found}"])
        check_whole_gpus(self.gpus_per_trial, "resources.gpus_per_trial")


@dataclass(frozen=True, kw_only=True)
class ObjectivesConfig(Table):
    """Cost of a trial, and the ends of both axes (see `search.objectives`)."""

    table: ClassVar[str] = "objectives"

    cost: str = setting("train-flops", "the cost axis")
    reference_accuracy: float = setting(
        0.0, "accuracy that is worth nothing, as that of chance", low=0, below=1
    )
    least_relative_flops: float = setting(
        1e-4, "relative cost that is as good as none", above=0, below=1, least=1e-9
    )

    def chosen(self) -> Objectives:
        """Return the objectives.

        Raises:
            ConfigError: no cost of that name is registered.
        """
        return objectives.choose(self.cost, self.reference_accuracy, self.least_relative_flops)


def too_late(halving: HalvingConfig, epochs: int) -> list[str]:
    """Return a problem if a bracket has no rung before the last epoch."""
    starts = 1
    while halving.reduction > 1 and halving.grace * halving.reduction**starts < epochs:
        starts += 1
    problems = [
        check(value, f"halving.{name}", FieldType(int), Setting("", low=1, high=high))
        for name, value, high in (
            ("grace", halving.grace, epochs - 1),
            ("brackets", halving.brackets, starts),
        )
    ]
    return [problem for problem in problems if problem]
