"""What the study of the four arms trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studies.double_loss.protocol import Runner
from studies.outcomes import Outcome
from studies.subsets import Subset
from swast.config import TrainConfig

DENSE = "dense"
SCOPES = {"trim": "fc", "cut": "all"}
SCORERS: dict[str, dict[str, object]] = {
    "gradmatch": {"coreset.scorer": "gradmatch"},
    "random": {"coreset.scorer": "random"},
    "el2n": {"coreset.scorer": "el2n", "coreset.direction": "hard"},
    "el2n-easy": {"coreset.scorer": "el2n", "coreset.direction": "easy"},
}
"""Ways to choose samples, as the study names them."""

UNPRUNED = {"prune.method": "none", "prune.sparsity": 0.0}

Arms = Mapping[str, Sequence[Outcome]]


def pruning(variant: str) -> str:
    """The arm that prunes on all data: ``variant`` is trim or cut."""
    return f"pruning only, {variant}"


def coreset(scorer: str, *, kl: bool = False) -> str:
    """The arm that trains the dense network on coresets."""
    return f"coreset only, {scorer}" + (", KL" if kl else "")


def swast(variant: str, scorer: str) -> str:
    """The arm that does both, with preservation."""
    return f"SWaST {variant}, {scorer}"


@dataclass(frozen=True)
class Protocol:
    """Data, settings and seeds of the study; the defaults are those of docs/results.md."""

    data: str = "digits"
    train: int = 0
    val: int = 0
    test: int = 0
    model: str = "cnn-small"
    scorers: tuple[str, ...] = tuple(SCORERS)
    variants: tuple[str, ...] = tuple(SCOPES)
    noise: tuple[float, ...] = (0.0, 0.2, 0.4)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    epochs: int = 30
    warmup_epochs: int = 3
    interval: int = 3
    fraction: float = 0.1
    sparsity: float = 0.9
    weight: float = 0.1
    lr: float = 0.05
    batch_size: int = 32

    @property
    def subset(self) -> Subset:
        """The part of the data that is used; a size of 0 stands for all."""
        return Subset(self.train or None, self.val or None, self.test or None)

    @property
    def arms(self) -> dict[str, dict[str, object]]:
        """Every arm, as what it changes in the common configuration."""
        plain, whole = {"preserve.weight": 0.0}, {"coreset.fraction": 1.0}
        found: dict[str, dict[str, object]] = {DENSE: {**plain, **whole, **UNPRUNED}}
        for variant in self.variants:
            found[pruning(variant)] = {**plain, **whole, "prune.scope": SCOPES[variant]}
        for scorer in self.scorers:
            chosen = SCORERS[scorer]
            found[coreset(scorer)] = {**chosen, **plain, **UNPRUNED}
            found[coreset(scorer, kl=True)] = {**chosen, **UNPRUNED}
            for variant in self.variants:
                found[swast(variant, scorer)] = {**chosen, "prune.scope": SCOPES[variant]}
        return found

    def config(self, arm: str, noise: float, seed: int) -> TrainConfig:
        """A run of an arm."""
        return TrainConfig().with_values(
            {
                "data": self.data,
                "device": "cpu",
                "model": self.model,
                "epochs": self.epochs,
                "warmup_epochs": self.warmup_epochs,
                "interval": self.interval,
                "seed": seed,
                "coreset.fraction": self.fraction,
                "prune.method": "rigl",
                "prune.sparsity": self.sparsity,
                "prune.schedule": "cubic",
                "preserve.weight": self.weight,
                "optim.lr": self.lr,
                "optim.batch_size": self.batch_size,
                "noise.rate": noise,
                **self.arms[arm],
            }
        )

    def train_all(self, run: Runner) -> dict[float, dict[str, list[Outcome]]]:
        """Every arm's outcomes in the order of the seeds, by level of noise."""
        outcomes = run(
            self.config(arm, noise, seed)
            for seed in self.seeds
            for noise in self.noise
            for arm in self.arms
        )
        return {
            noise: {
                arm: [outcomes[self.config(arm, noise, seed)] for seed in self.seeds]
                for arm in self.arms
            }
            for noise in self.noise
        }
