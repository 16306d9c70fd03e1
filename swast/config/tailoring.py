"""Configuration tables for coresets, pruning and state preservation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from swast.config.pruners import PRUNER_TRAITS, PrunerName, PrunerTraits
from swast.errors import ConfigError
from swast.settings import Table, setting

ScorerName = Literal[
    "random",
    "el2n",
    "grand",
    "loss",
    "entropy",
    "margin",
    "least-confidence",
    "forgetting",
    "moderate",
    "herding",
    "k-center",
    "gradmatch",
    "gradmatch-batch",
    "craig",
    "glister",
    "ccs",
    "infobatch",
]
ScopeName = Literal["fc", "all"]
ScheduleName = Literal["one-shot", "linear", "cubic", "cosine", "exponential"]
DistributionName = Literal["global", "uniform", "erk"]


@dataclass(frozen=True, kw_only=True)
class CoresetConfig(Table):
    """Settings of the coreset, the samples that a round trains on."""

    table: ClassVar[str] = "coreset"
    scorer: ScorerName = setting("gradmatch", "scoring method")
    fraction: float = setting(
        0.05, "share of the training samples kept; 1 to train on all", symbol="s", above=0, high=1
    )
    balanced: bool = setting(True, "give each class its share of the coreset")
    direction: Literal["hard", "easy"] = setting(
        "hard", "end of the ranking to keep, for rankings (el2n, grand, loss, entropy, margin, …)"
    )
    drop_top: float = setting(
        0.0, "share of the hardest dropped first, for rankings and ccs (its β)", low=0, below=1
    )


@dataclass(frozen=True, kw_only=True)
class PruneConfig(Table):
    """Settings of pruning: the weights to remove, and when."""

    table: ClassVar[str] = "prune"
    method: PrunerName = setting("rigl", "pruning method; none to train dense")
    sparsity: float = setting(
        0.9, "final share of the prunable weights that is removed", symbol="p", low=0, below=1
    )
    scope: ScopeName = setting("all", "fc: SWaST-trim, linear layers; all: SWaST-cut, conv too")
    layers: tuple[str, ...] = setting(
        (), "names of the layers to prune, or patterns such as layer4.*; replaces the scope"
    )
    start: Literal["warmup", "init"] = setting(
        "warmup", "warmup: prune from the first round; init: from the first epoch"
    )
    schedule: ScheduleName = setting("cubic", "growth of the sparsity to its target")
    distribution: DistributionName = setting("erk", "distribution of the sparsity over the layers")
    end: float = setting(
        0.75, "share of the epochs after which masks no longer change", above=0, high=1
    )
    update_interval: int = setting(
        0,
        "rigl, set, granet: steps between mask updates; 0 for 100·s, at least 10",
        symbol="ΔT",
        low=0,
        high=10**6,
    )
    update_fraction: float = setting(
        0.0,
        "rigl, set, granet: share of a layer's weights replaced at the first update; 0 for "
        "the method's default, 0.3 (granet 0.5)",
        symbol="α",
        low=0,
        high=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_requirements(self)

    @property
    def traits(self) -> PrunerTraits:
        """Traits of the chosen method."""
        return PRUNER_TRAITS[self.method]


@dataclass(frozen=True, kw_only=True)
class PreserveConfig(Table):
    """Settings of the state-preservation loss."""

    table: ClassVar[str] = "preserve"
    weight: float = setting(0.1, "weight of the KL term; 0 for none", symbol="λ", low=0, high=1e4)
    reduction: Literal["mean", "sum"] = setting("mean", "reduction of the KL term over a batch")
    anchor: Literal["last", "first"] = setting(
        "last",
        "reference logits: last: those recorded at the start of the round; first: those of the "
        "first round, recorded for all N samples before any pruning",
    )
    cross_entropy: float = setting(
        1.0,
        "factor of the cross-entropy in rounds; 1 + λ is the control for preservation",
        above=0,
        high=1e4,
    )


def _check_requirements(settings: PruneConfig) -> None:
    """Raise if another setting does not fit the chosen method.

    Raises:
        ConfigError: each setting that does not fit, with the allowed values and the reason.
    """
    problems = [
        f"prune.{name} must be {' or '.join(map(str, allowed))} under {settings.method}, "
        f"{reason}, got {getattr(settings, name)!r}"
        for name, (allowed, reason) in settings.traits.requires.items()
        if getattr(settings, name) not in allowed
    ]
    if problems:
        raise ConfigError(problems)
