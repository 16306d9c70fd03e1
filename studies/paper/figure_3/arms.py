"""Trainings of figure 3: severities, and the arms of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from studies.outcomes import Cell
from studies.paper.settings import DENSE as UNPRUNED
from studies.paper.settings import PLAIN, WHOLE_DATA, Values, base
from studies.paper.study import Setting

OFF, ON, PAPER = "λ = 0", "KL", "KL, λ = 0.1"
SCALED = "cross-entropy × (1 + λ)"
CORESET, CORESET_KL = "coreset only", "coreset only, KL"
RANDOM, RANDOM_KL = "random, λ = 0", "random, KL"
ANCHORED = "KL, first logits"
OWN_RATE, OWN_RATE_KL = "λ = 0, own rate", "KL, own rate"
PRUNING, DENSE = "pruning only", "dense"
REMOVING = (OFF, ON, PAPER, ANCHORED, SCALED, CORESET, CORESET_KL, RANDOM, RANDOM_KL)
"""Arms on coresets at the chosen learning rate."""
ARMS = (*REMOVING, OWN_RATE, OWN_RATE_KL, PRUNING, DENSE)

SPARSITIES = {"small": (0.8, 0.9, 0.97), "paper": (0.9, 0.97)}
FRACTIONS = {"small": (0.05, 0.1), "paper": (0.01, 0.05)}
SCHEDULES = ("one-shot", "cubic")
LENGTH: Mapping[str, Values] = {
    "small": {"epochs": 20, "warmup_epochs": 4, "interval": 4},
    "paper": {},
}
RATES = (0.02, 0.05, 0.1, 0.2)
WEIGHTS = (0.1, 0.3, 1.0, 3.0)
TUNING_SEEDS = 4


@dataclass(frozen=True)
class Severity:
    """Severity of the removals: sparsity, coreset share and pruning schedule."""

    sparsity: float
    fraction: float
    schedule: str

    def __str__(self) -> str:
        return f"p = {self.sparsity:.0%}, s = {self.fraction:.0%}, {self.schedule}"


@dataclass(frozen=True)
class Chosen:
    """Learning rate and preservation weight λ chosen for a severity."""

    rate: float
    weight: float


def severities(setting: Setting) -> list[Severity]:
    """Return every combination, schedule by schedule."""
    scale = setting.scale
    grid = product(SCHEDULES, FRACTIONS[scale], SPARSITIES[scale])
    return [Severity(sparsity, fraction, schedule) for schedule, fraction, sparsity in grid]


def rates() -> list[Chosen]:
    """Return the learning rates to choose from, without the KL term."""
    return [Chosen(rate, 0.0) for rate in RATES]


def training(setting: Setting, severity: Severity, rate: float | None, values: Values) -> Cell:
    """Return a training of a severity, without preservation unless ``values`` set it.

    Args:
        setting: of the study.
        severity: of the removals.
        rate: the learning rate; None for the trainer's own.
        values: further changes to the configuration.
    """
    cut = {
        "prune.sparsity": severity.sparsity,
        "prune.schedule": severity.schedule,
        "coreset.fraction": severity.fraction,
        **PLAIN,
    }
    paced = {} if rate is None else {"optim.lr": rate}
    return base(setting, values={**LENGTH[setting.scale], **cut, **paced, **values})


def tuning(setting: Setting, candidates: Mapping[Severity, Sequence[Chosen]]) -> Iterator[Cell]:
    """Yield the trainings of all candidates."""
    for severity, several in candidates.items():
        for each in several:
            yield from trials(setting, severity, each)


def trials(setting: Setting, severity: Severity, candidate: Chosen) -> list[Cell]:
    """Return a candidate's trainings, on the seeds used to choose."""
    cell = training(setting, severity, candidate.rate, {"preserve.weight": candidate.weight})
    seeds = setting.seeds[:TUNING_SEEDS]
    return [replace(cell, config=replace(cell.config, seed=seed)) for seed in seeds]


def arm(setting: Setting, name: str, severity: Severity, chosen: Chosen) -> Cell:
    """Return an arm of a severity, at the rate and λ chosen for it."""
    preserved: Values = {"preserve.weight": chosen.weight}
    redrawn: Values = {"coreset.scorer": "random"}
    values: Mapping[str, Values] = {
        OFF: {},
        ON: preserved,
        PAPER: {"preserve.weight": 0.1},
        ANCHORED: {**preserved, "preserve.anchor": "first"},
        SCALED: {"preserve.cross_entropy": 1 + chosen.weight},
        CORESET: UNPRUNED,
        CORESET_KL: {**UNPRUNED, **preserved},
        RANDOM: redrawn,
        RANDOM_KL: {**redrawn, **preserved},
        OWN_RATE: {},
        OWN_RATE_KL: preserved,
        PRUNING: WHOLE_DATA,
        DENSE: {**UNPRUNED, **WHOLE_DATA},
    }
    rate = chosen.rate if name in REMOVING else None
    return training(setting, severity, rate, values[name])
