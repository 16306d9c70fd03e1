"""What the study of the double-loss trains, and how its settings are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from studies.outcomes import Outcome
from swast.config import TrainConfig

Runner = Callable[[Iterable[TrainConfig]], Mapping[TrainConfig, Outcome]]

OFF, ON, PAPER = "λ = 0", "KL", "KL, λ = 0.1"
SCALED = "cross-entropy × (1 + λ)"
CORESET, CORESET_KL = "coreset only", "coreset only, KL"
RANDOM, RANDOM_KL = "random, λ = 0", "random, KL"
PRUNING, DENSE = "pruning only", "dense"
ARMS = (OFF, ON, PAPER, SCALED, CORESET, CORESET_KL, RANDOM, RANDOM_KL, PRUNING, DENSE)

UNPRUNED = {"prune.method": "none", "prune.sparsity": 0.0, "prune.schedule": "one-shot"}
PAPERS_WEIGHT = 0.1


@dataclass(frozen=True)
class Severity:
    """How hard weights and samples are cut, and whose."""

    model: str
    sparsity: float
    fraction: float
    schedule: str

    def __str__(self) -> str:
        return f"{self.model} p={self.sparsity:g} s={self.fraction:g} {self.schedule}"


@dataclass(frozen=True)
class Chosen:
    """What the tuning seeds chose for a severity: learning rate, and preservation weight λ."""

    lr: float
    weight: float


@dataclass(frozen=True)
class Protocol:
    """Severities, seeds and grids of the study; the defaults are those of docs/results.md."""

    models: tuple[str, ...] = ("cnn-small", "mlp-small")
    sparsities: tuple[float, ...] = (0.9, 0.97)
    fractions: tuple[float, ...] = (0.05, 0.1)
    schedules: tuple[str, ...] = ("one-shot", "cubic")
    tuning_seeds: tuple[int, ...] = (0, 1, 2, 3)
    seeds: tuple[int, ...] = tuple(range(100, 116))
    learning_rates: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    weights: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
    epochs: int = 20
    warmup_epochs: int = 4
    interval: int = 4

    def __post_init__(self) -> None:
        """Refuse seeds that would both choose and confirm.

        Raises:
            ValueError: naming them.
        """
        if shared := set(self.tuning_seeds) & set(self.seeds):
            raise ValueError(f"the seeds {sorted(shared)} would both tune and confirm")

    @property
    def severities(self) -> list[Severity]:
        """Every combination, network by network."""
        grid = product(self.models, self.sparsities, self.fractions, self.schedules)
        return [Severity(*each) for each in grid]

    def config(
        self, severity: Severity, values: Mapping[str, object], *, lr: float, seed: int
    ) -> TrainConfig:
        """A run of a severity, without preservation but for what ``values`` say."""
        return TrainConfig().with_values(
            {
                "data": "digits",
                "device": "cpu",
                "model": severity.model,
                "epochs": self.epochs,
                "warmup_epochs": self.warmup_epochs,
                "interval": self.interval,
                "seed": seed,
                "coreset.scorer": "gradmatch",
                "coreset.fraction": severity.fraction,
                "prune.method": "rigl",
                "prune.sparsity": severity.sparsity,
                "prune.schedule": severity.schedule,
                "preserve.weight": 0.0,
                "optim.lr": lr,
                **values,
            }
        )

    def arm(self, name: str, severity: Severity, chosen: Chosen, seed: int) -> TrainConfig:
        """The configuration of an arm at what was chosen for its severity."""
        preserved = {"preserve.weight": chosen.weight}
        drawn = {"coreset.scorer": "random"}
        values: Mapping[str, Mapping[str, object]] = {
            OFF: {},
            ON: preserved,
            PAPER: {"preserve.weight": PAPERS_WEIGHT},
            SCALED: {"preserve.cross_entropy": 1 + chosen.weight},
            CORESET: UNPRUNED,
            CORESET_KL: {**UNPRUNED, **preserved},
            RANDOM: drawn,
            RANDOM_KL: {**drawn, **preserved},
            PRUNING: {"coreset.fraction": 1.0},
            DENSE: {**UNPRUNED, "coreset.fraction": 1.0},
        }
        lr = TrainConfig().optim.lr if name in (PRUNING, DENSE) else chosen.lr
        return self.config(severity, values[name], lr=lr, seed=seed)


def tune(protocol: Protocol, run: Runner) -> dict[Severity, Chosen]:
    """Choose the learning rate without preservation, then λ at that rate; see the package."""

    def configs(severity: Severity, lr: float, weight: float) -> list[TrainConfig]:
        values = {"preserve.weight": weight}
        seeds = protocol.tuning_seeds
        return [protocol.config(severity, values, lr=lr, seed=seed) for seed in seeds]

    def best(candidates: Mapping[Severity, list[Chosen]]) -> dict[Severity, Chosen]:
        trained = {
            (severity, each): configs(severity, each.lr, each.weight)
            for severity, several in candidates.items()
            for each in several
        }
        outcomes = run(config for group in trained.values() for config in group)

        def accuracy(severity: Severity, each: Chosen) -> float:
            group = trained[severity, each]
            return round(float(np.mean([outcomes[one].val_accuracy for one in group])), 9)

        chosen = {}
        for severity, several in candidates.items():
            scores = [accuracy(severity, each) for each in several]
            chosen[severity] = several[int(np.argmax(scores))]
        return chosen

    rates = sorted(protocol.learning_rates)
    first = best({each: [Chosen(lr, 0.0) for lr in rates] for each in protocol.severities})
    weights = sorted(protocol.weights)
    return best({each: [Chosen(first[each].lr, w) for w in weights] for each in first})


def confirm(
    protocol: Protocol, chosen: Mapping[Severity, Chosen], run: Runner
) -> dict[Severity, dict[str, list[Outcome]]]:
    """Every arm of every severity on the confirmation seeds, in their order."""

    def config(name: str, severity: Severity, seed: int) -> TrainConfig:
        return protocol.arm(name, severity, chosen[severity], seed)

    outcomes = run(
        config(name, severity, seed)
        for seed in protocol.seeds
        for severity in protocol.severities
        for name in ARMS
    )
    return {
        severity: {
            name: [outcomes[config(name, severity, seed)] for seed in protocol.seeds]
            for name in ARMS
        }
        for severity in protocol.severities
    }
