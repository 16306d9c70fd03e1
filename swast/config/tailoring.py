"""The tables of a training configuration that say what is tailored: samples, weights, state."""

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
    """Which samples a round trains on."""

    table: ClassVar[str] = "coreset"
    scorer: ScorerName = setting("gradmatch", "how samples are chosen")
    fraction: float = setting(
        0.05, "share of the training samples kept; 1 trains on all", symbol="s", above=0, high=1
    )
    balanced: bool = setting(True, "give every class its share of the coreset")
    direction: Literal["hard", "easy"] = setting(
        "hard", "which end a ranking keeps (el2n, grand, loss, entropy, margin, …)"
    )
    drop_top: float = setting(
        0.0, "share of the hardest left out first, by rankings and ccs (its β)", low=0, below=1
    )


@dataclass(frozen=True, kw_only=True)
class PruneConfig(Table):
    """Which weights are removed, and when."""

    table: ClassVar[str] = "prune"
    method: PrunerName = setting("rigl", "how weights are chosen; none trains dense")
    sparsity: float = setting(
        0.9, "share of the prunable weights removed in the end", symbol="p", low=0, below=1
    )
    scope: ScopeName = setting("all", "fc: SWaST-trim, linear layers; all: SWaST-cut, conv too")
    layers: tuple[str, ...] = setting(
        (), "names of layers, or patterns as layer4.*, pruned in place of the scope"
    )
    start: Literal["warmup", "init"] = setting(
        "warmup", "warmup: prune from the first round on; init: from the first epoch on"
    )
    schedule: ScheduleName = setting("cubic", "how sparsity grows to its target")
    distribution: DistributionName = setting("erk", "how sparsity is spread over the layers")
    end: float = setting(
        0.75, "share of the epochs after which masks stay as they are", above=0, high=1
    )
    update_interval: int = setting(
        0,
        "rigl, set, granet: steps between mask updates; 0 takes 100·s, at least 10",
        symbol="ΔT",
        low=0,
        high=10**6,
    )
    update_fraction: float = setting(
        0.0,
        "rigl, set, granet: share of a layer's weights replaced at the first update; 0 takes "
        "the method's own, 0.3 (granet 0.5)",
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
    """The state-preservation loss."""

    table: ClassVar[str] = "preserve"
    weight: float = setting(
        0.1, "weight of the KL term; 0 switches it off", symbol="λ", low=0, high=1e4
    )
    reduction: Literal["mean", "sum"] = setting("mean", "of the KL term over a batch")
    anchor: Literal["last", "first"] = setting(
        "last",
        "whose logits are held on to: last: those recorded when the round began; first: those of "
        "the first round, recorded over all N samples before anything is pruned",
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
