"""The training configuration: what `swast-train` reads and a search varies."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from swast.errors import ConfigError, nearest
from swast.optim_config import MOST_EPOCHS, ComputeConfig, OptimConfig
from swast.settings import (
    FieldType,
    Setting,
    Table,
    field_types,
    from_mapping,
    plain,
    setting,
    subtables,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA_NAMES = ("digits", "fashion-mnist", "cifar10", "cifar100", "tiny-imagenet", "imagenet")
DATA_FORMS = {"folder:PATH": r"folder:.+", "npz:PATH": r"npz:.+"}
MODEL_NAMES = (
    "cnn-small",
    "mlp-small",
    "lenet-300-100",
    "lenet-5",
    "resnet20",
    "resnet32",
    "resnet56",
    "resnet18",
    "resnet50",
    "resnet101",
    "vgg16-bn",
    "wrn-28-10",
    "mobilenet-v2",
    "vit-tiny",
)
MODEL_FORMS = {
    "torchvision:NAME": r"torchvision:\w+",
    "package.module:function": r"[A-Za-z_]\w*(\.\w+)*:\w+",
}
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
PrunerName = Literal[
    "none", "magnitude", "rigl", "set", "granet", "snip", "synflow", "random", "n:m", "channel"
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
        _check_rules(self)


@dataclass(frozen=True, kw_only=True)
class PreserveConfig(Table):
    """The state-preservation loss."""

    table: ClassVar[str] = "preserve"
    weight: float = setting(
        0.1, "weight of the KL term; 0 switches it off", symbol="λ", low=0, high=1e4
    )
    reduction: Literal["mean", "sum"] = setting("mean", "of the KL term over a batch")
    cross_entropy: float = setting(
        1.0,
        "factor of the cross-entropy in rounds; 1 + λ is the control for preservation",
        above=0,
        high=1e4,
    )


@dataclass(frozen=True, kw_only=True)
class NoiseConfig(Table):
    """Label noise put into the training labels, once, by seed."""

    table: ClassVar[str] = "noise"
    kind: Literal["symmetric", "pair-flip"] = setting(
        "symmetric", "symmetric: any other class, evenly; pair-flip: the next class"
    )
    rate: float = setting(0.0, "share of the training labels replaced", low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class DiagnoseConfig(Table):
    """What is looked at beside training, at the end of each round; never in the bill."""

    table: ClassVar[str] = "diagnose"
    passes: bool = setting(
        False, "losses on noisy and clean samples, KL drift: passes over the training data"
    )
    test: bool = setting(False, "test minus validation loss: reads the test set every round")
    drop: float = setting(
        0.05, "validation accuracy lost for good that counts as a double loss", above=0, high=1
    )


@dataclass(frozen=True, kw_only=True)
class AugmentConfig(Table):
    """Changes made at random to the images of training steps, and of nothing else."""

    table: ClassVar[str] = "augment"
    crop: int = setting(
        0, "pixels of padding that crops are shifted over; 0 for none", low=0, high=256
    )
    flip: bool = setting(False, "mirror every other image left to right")
    cutout: int = setting(0, "side of a square cut out, in pixels; 0 for none", low=0, high=4096)


@dataclass(frozen=True, kw_only=True)
class LoadingConfig(Table):
    """How data are read."""

    table: ClassVar[str] = "loading"
    val_fraction: float = setting(
        0.1,
        "share of the training images to validate on, where none are published; not of digits",
        above=0,
        below=1,
    )
    image_size: int = setting(
        0,
        "side that image files are scaled and cut to; 0: 224 for imagenet, else as they are",
        low=0,
        high=4096,
    )
    memory_share: float = setting(
        0.25,
        "images that would take more than this share of the memory stream instead",
        low=0,
        high=1,
    )
    workers: int = setting(4, "threads that read images which stream", low=1, high=256)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Table):
    """Everything that determines one SWaST training.

    Raises:
        ConfigError: a value is of the wrong type, out of range, or contradicts another.
    """

    data: str = setting("digits", "data set", names=DATA_NAMES, forms=DATA_FORMS)
    model: str = setting("cnn-small", "network", names=MODEL_NAMES, forms=MODEL_FORMS)
    epochs: int = setting(30, "epochs in all", symbol="T", low=1, high=MOST_EPOCHS)
    warmup_epochs: int = setting(
        3, "dense epochs on all data at the start", symbol="K", low=0, high=MOST_EPOCHS
    )
    interval: int = setting(
        5, "epochs from one selection to the next", symbol="R", low=1, high=MOST_EPOCHS
    )
    seed: int = setting(
        0, "seed of initialisation, order, noise, selection", low=0, high=2**63 - 1
    )
    device: Literal["auto", "cpu", "cuda"] = setting("auto", "auto: a GPU if there is one")
    threads: int = setting(
        1, "CPU threads; another number may round sums otherwise", low=1, high=1024
    )
    coreset: CoresetConfig = field(default_factory=CoresetConfig)
    prune: PruneConfig = field(default_factory=PruneConfig)
    preserve: PreserveConfig = field(default_factory=PreserveConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    diagnose: DiagnoseConfig = field(default_factory=DiagnoseConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loading: LoadingConfig = field(default_factory=LoadingConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for path in ("warmup_epochs", "optim.ramp_epochs"):
            if self.value(path) > self.epochs:
                raise ConfigError(
                    [f"{path} must be at most epochs ({self.epochs}), got {self.value(path)}"]
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> TrainConfig:
        """A configuration from nested tables; absent fields take their defaults.

        Raises:
            ConfigError: naming every unknown field and every bad value.
        """
        return from_mapping(cls, values)

    def to_dict(self) -> dict[str, Any]:
        """Nested tables of plain values, every field present."""
        return dataclasses.asdict(self, dict_factory=plain)

    def to_toml(self) -> str:
        """The configuration as TOML; reading it back gives an equal configuration."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    def with_values(self, values: Mapping[str, object]) -> TrainConfig:
        """A copy with the fields at dotted paths set, as ``{"coreset.fraction": 0.1}``.

        Raises:
            ConfigError: a path is no field, or a value is wrong.
        """
        return TrainConfig.from_dict(set_paths(self.to_dict(), values))

    def value(self, path: str) -> Any:  # noqa: ANN401
        """The value at a dotted path."""
        found: Any = self
        for name in path.split("."):
            found = getattr(found, name)
        return found


RULES: dict[str, dict[str, tuple[tuple[object, ...], str]]] = {
    "n:m": {
        "sparsity": ((0.25, 0.5, 0.75), "as 1, 2 or 3 of every 4 weights go"),
        "schedule": (("one-shot",), "as its masks are chosen once"),
        "distribution": (("uniform",), "as every layer has the same pattern"),
    },
    "channel": {
        "distribution": (("uniform",), "as every layer loses the same share of its channels"),
    },
    "granet": {
        "schedule": (
            ("linear", "cubic", "cosine", "exponential"),
            "which prunes little by little",
        ),
    },
}
"""What a pruner's other settings must be, and why."""


def _check_rules(settings: PruneConfig) -> None:
    """Refuse what a pruner cannot have.

    Raises:
        ConfigError: naming each setting that cannot hold, with the reason.
    """
    problems = [
        f"prune.{name} must be {' or '.join(map(str, allowed))} under {settings.method}, "
        f"{reason}, got {getattr(settings, name)!r}"
        for name, (allowed, reason) in RULES.get(settings.method, {}).items()
        if getattr(settings, name) not in allowed
    ]
    if problems:
        raise ConfigError(problems)


@cache
def setting_paths() -> dict[str, tuple[FieldType, Setting, Any]]:
    """Every setting by dotted path: its type, its `Setting` and its default."""
    found = {}
    for prefix, table in [("", TrainConfig), *subtables(TrainConfig).items()]:
        types = field_types(table)
        for each in dataclasses.fields(table):
            if each.name in types:
                path = f"{prefix}.{each.name}" if prefix else each.name
                found[path] = (types[each.name], each.metadata["setting"], each.default)
    return found


def set_paths(tree: dict[str, Any], values: Mapping[str, object]) -> dict[str, Any]:
    """Set dotted paths in nested tables, in place.

    Raises:
        ConfigError: a path names no setting, with the nearest one.
    """
    unknown = [path for path in values if path not in setting_paths()]
    if unknown:
        raise ConfigError(
            f"{path} is not a field{nearest(path, setting_paths())}" for path in unknown
        )
    for path, value in values.items():
        table, _, name = path.rpartition(".")
        place = tree.setdefault(table, {}) if table else tree
        if not isinstance(place, dict):
            raise ConfigError([f"{table} must be a table of fields, got {place!r}"])
        place[name] = value
    return tree


def flatten(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as values by dotted path; what `set_paths` undoes."""
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: there is no such file, or it is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from None


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise ConfigError([f"not TOML: {error}"]) from None


def read_config(path: Path, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """The configuration in a TOML file, some of its fields replaced.

    A table ``[provenance]``, which an exported file has, is skipped.

    Raises:
        ConfigError: what is wrong, led by the file's name.
    """
    text = read_text(path)
    try:
        tables = parse_toml(text)
        tables.pop("provenance", None)
        return TrainConfig.from_dict(set_paths(tables, overrides or {}))
    except ConfigError as error:
        raise error.within(str(path)) from None


def parse_value(text: str) -> object:
    """A value as TOML reads it, or the bare text where that is no TOML (``--set k=rigl``)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
