"""SWaST: train a network while tailoring its weights and its samples.

    from swast import TrainConfig, train

    result = train(TrainConfig())
    print(result.val_accuracy, result.relative_flops)

Source: Wan, Yi, Zhang, Zhou, Jin, "SWaST", AAAI 2026 (arXiv 2511.09901).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swast.config import TrainConfig, read_config
from swast.errors import CheckpointError, ConfigError, DataError, DivergedError, SwastError

if TYPE_CHECKING:
    from swast.result import EpochRecord, RoundRecord, TrainResult
    from swast.training import price, train
    from swast.weights import load_network, save_weights

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DivergedError",
    "EpochRecord",
    "RoundRecord",
    "SwastError",
    "TrainConfig",
    "TrainResult",
    "load_network",
    "price",
    "read_config",
    "save_weights",
    "train",
]


def __getattr__(name: str) -> object:
    """Import names that need torch on first use, so that reading a configuration stays fast."""
    if name in ("train", "price"):
        from swast import training

        return getattr(training, name)
    if name in ("load_network", "save_weights"):
        from swast import weights

        return getattr(weights, name)
    if name in ("EpochRecord", "RoundRecord", "TrainResult"):
        from swast import result

        return getattr(result, name)
    raise AttributeError(f"module 'swast' has no attribute {name!r}")
