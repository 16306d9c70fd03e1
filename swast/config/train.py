"""Complete training configuration, and its settings by dotted path."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from swast.config.data import (
    DATA_FORMS,
    DATA_NAMES,
    AugmentConfig,
    DiagnoseConfig,
    LoadingConfig,
    NoiseConfig,
)
from swast.config.optim import MOST_EPOCHS, ComputeConfig, OptimConfig
from swast.config.tailoring import CoresetConfig, PreserveConfig, PruneConfig
from swast.errors import ConfigError, nearest, path_to, shown
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
LARGEST_SEED = 2**63 - 1
BEGINNING = ("data", "model", "epochs", "seed", "threads", "optim", "noise", "compute", "augment")
"""Settings and tables that determine training before the first selection or prune step."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Table):
    """Configuration of one SWaST training run.

    Raises:
        ConfigError: a value is of the wrong type, out of range, or contradicts another.
    """

    data: str = setting("digits", "data set", names=DATA_NAMES, forms=DATA_FORMS)
    model: str = setting("cnn-small", "network", names=MODEL_NAMES, forms=MODEL_FORMS)
    epochs: int = setting(30, "total number of epochs", symbol="T", low=1, high=MOST_EPOCHS)
    warmup_epochs: int = setting(
        3, "warm-up: dense epochs on all data", symbol="K", low=0, high=MOST_EPOCHS
    )
    interval: int = setting(5, "epochs between selections", symbol="R", low=1, high=MOST_EPOCHS)
    seed: int = setting(
        0, "seed of initialisation, sample order, noise and selection", low=0, high=LARGEST_SEED
    )
    device: Literal["auto", "cpu", "cuda"] = setting("auto", "auto: a GPU if available")
    threads: int = setting(1, "CPU threads; their number affects rounding", low=1, high=1024)
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
        """Build a configuration from nested tables; absent fields take their defaults.

        Raises:
            ConfigError: unknown fields or invalid values; all are named.
        """
        return from_mapping(cls, values)

    def to_dict(self) -> dict[str, Any]:
        """Return nested tables of plain values, with every field."""
        return dataclasses.asdict(self, dict_factory=plain)

    def to_toml(self) -> str:
        """Return the configuration as TOML; reading it back gives an equal configuration."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    def with_values(self, values: Mapping[str, object]) -> TrainConfig:
        """Return a copy with the fields at dotted paths set, as ``{"coreset.fraction": 0.1}``.

        Raises:
            ConfigError: a path is not a field, or a value is invalid.
        """
        return TrainConfig.from_dict(set_paths(self.to_dict(), values))

    def value(self, path: str) -> Any:  # noqa: ANN401
        """Return the value at a dotted path."""
        found: Any = self
        for name in path.split("."):
            found = getattr(found, name)
        return found


@cache
def setting_paths() -> dict[str, tuple[FieldType, Setting, Any]]:
    """Return every setting by dotted path: its type, its `Setting` and its default."""
    found = {}
    for prefix, table in [("", TrainConfig), *subtables(TrainConfig).items()]:
        types = field_types(table)
        for each in dataclasses.fields(table):
            if each.name in types:
                path = f"{prefix}.{each.name}" if prefix else each.name
                found[path] = (types[each.name], each.metadata["setting"], each.default)
    return found


def unknown_field(path: str) -> str:
    """Return the message that a path is no setting, with the nearest one."""
    meanings = {known: each.doc for known, (_, each, _) in setting_paths().items()}
    return f"{path} is not a field{nearest(path, meanings, meanings)}"


def set_paths(tree: dict[str, Any], values: Mapping[str, object]) -> dict[str, Any]:
    """Set dotted paths in nested tables, in place.

    Raises:
        ConfigError: a path is not a setting; the message gives the nearest one.
    """
    unknown = [path for path in values if path not in setting_paths()]
    if unknown:
        raise ConfigError(map(unknown_field, unknown))
    for path, value in values.items():
        table, _, name = path.rpartition(".")
        place = tree.setdefault(table, {}) if table else tree
        if not isinstance(place, dict):
            raise ConfigError([f"{table} must be a table of fields, got {shown(place)}"])
        place[name] = value
    return tree


def flatten(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested tables into values by dotted path; `set_paths` is the inverse."""
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        path = prefix + path_to("", name)
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{path}."))
        else:
            flat[path] = value
    return flat
