"""Training configuration: the settings that `swast-train` reads and a search varies."""

from __future__ import annotations

from swast.config.data import (
    DATA_FORMS,
    DATA_NAMES,
    AugmentConfig,
    DiagnoseConfig,
    LoadingConfig,
    NoiseConfig,
)
from swast.config.files import read_config, read_tables
from swast.config.languages import PARSERS, parse_toml, parse_value
from swast.config.optim import ComputeConfig, LrScheduleName, OptimConfig
from swast.config.pruners import PRUNER_TRAITS, PrunerName, PrunerTraits
from swast.config.source import read_text
from swast.config.tailoring import (
    CoresetConfig,
    DistributionName,
    PreserveConfig,
    PruneConfig,
    ScheduleName,
    ScopeName,
    ScorerName,
)
from swast.config.train import (
    BEGINNING,
    LARGEST_SEED,
    MODEL_FORMS,
    MODEL_NAMES,
    TrainConfig,
    flatten,
    set_paths,
    setting_paths,
    unknown_field,
)

__all__ = [
    "BEGINNING",
    "DATA_FORMS",
    "DATA_NAMES",
    "LARGEST_SEED",
    "MODEL_FORMS",
    "MODEL_NAMES",
    "PARSERS",
    "PRUNER_TRAITS",
    "AugmentConfig",
    "ComputeConfig",
    "CoresetConfig",
    "DiagnoseConfig",
    "DistributionName",
    "LoadingConfig",
    "LrScheduleName",
    "NoiseConfig",
    "OptimConfig",
    "PreserveConfig",
    "PruneConfig",
    "PrunerName",
    "PrunerTraits",
    "ScheduleName",
    "ScopeName",
    "ScorerName",
    "TrainConfig",
    "flatten",
    "parse_toml",
    "parse_value",
    "read_config",
    "read_tables",
    "read_text",
    "set_paths",
    "setting_paths",
    "unknown_field",
]
